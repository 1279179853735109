//! The pictures in `docs/policies.md` match what the breaker does.

use std::collections::BTreeSet;
use std::fs;

use microbreaker_scenarios::pictures::{folder, pictures};

#[test]
fn every_picture_is_up_to_date() {
    for picture in pictures().unwrap() {
        let name = picture.path.display();
        let kept = fs::read_to_string(&picture.path).unwrap_or_default();
        // Not `assert_eq`, which would print two pictures of ten kilobytes each.
        assert!(kept == picture.svg, "{name} is out of date: run `cargo xtask pictures`");
    }
}

#[test]
fn the_page_shows_every_picture() {
    let page = fs::read_to_string(folder().with_file_name("policies.md")).unwrap();
    let links = page.split("](pictures/").skip(1).filter_map(|rest| rest.split_once(')'));
    let shown: BTreeSet<String> = links.map(|(file, _)| file.to_owned()).collect();
    let files = fs::read_dir(folder()).unwrap();
    let kept: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let drawn = pictures().unwrap().into_iter();
    let drawn: BTreeSet<String> =
        drawn.map(|picture| picture.path.file_name().unwrap().to_str().unwrap().into()).collect();
    assert_eq!(shown, kept);
    assert_eq!(shown, drawn);
}
