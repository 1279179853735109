//! Settings read from files.

use std::time::Duration;

use microbreaker_std::settings::{
    Abandoned, AfterProbeTimeout, Backoff, Leak, Preset, ProbeTimeout, Ramp,
};
use microbreaker_std::{Breaker, Phase, Registry, Settings, SettingsFile, SettingsFileError};

const TOML: &str = r#"
[defaults]
failure_rate = 50
slow_rate = 80
slow_after = "1s 500ms"
min_calls = 10
last_calls = 100
open_for = "30s"
backoff = { factor = 1.5, max = "5m" }
jitter = 20
probes = 3
successes = 2
probe_timeout = "never"
longest_half_open = "1h"
after_probe_timeout = "fresh_probes"
ramp = { shares = [10, 50], step = "10s" }
abandoned = "by_time"

[breakers.search]
open_for = "5s"
within = "1m"
failure_ratio = [1, 2000]
consecutive_failures = 5
consecutive_within_window = true
backoff = { factor = 2, max = "5m" }
leaky_bucket = { up = 24, down = 1, limit = 109 }

[profiles.production.defaults]
min_calls = 50

[profiles.production.breakers.search]
probe_timeout = "2s"

[profiles.production.breakers.payments]
consecutive_failures = 3
"#;

const YAML: &str = r"
defaults:
  failure_rate: 50
  slow_rate: 80
  slow_after: 1s 500ms
  min_calls: 10
  last_calls: 100
  open_for: 30s
  backoff: { factor: 1.5, max: 5m }
  jitter: 20
  probes: 3
  successes: 2
  probe_timeout: never
  longest_half_open: 1h
  after_probe_timeout: fresh_probes
  ramp: { shares: [10, 50], step: 10s }
  abandoned: by_time
breakers:
  search:
    open_for: 5s
    within: 1m
    failure_ratio: [1, 2000]
    consecutive_failures: 5
    consecutive_within_window: true
    backoff: { factor: 2, max: 5m }
    leaky_bucket: { up: 24, down: 1, limit: 109 }
profiles:
  production:
    defaults: { min_calls: 50 }
    breakers:
      search: { probe_timeout: 2s }
      payments: { consecutive_failures: 3 }
";

fn read(toml: &str) -> Result<SettingsFile, SettingsFileError> {
    SettingsFile::read(toml::Deserializer::parse(toml).expect("the test's TOML is well-formed"))
}

fn defaults() -> Settings {
    Settings {
        failure_rate: Some(50),
        slow_rate: Some(80),
        slow_after: Some(Duration::from_millis(1_500)),
        min_calls: Some(10),
        last_calls: Some(100),
        open_for: Some(Duration::from_secs(30)),
        backoff: Some(Backoff { factor: 1.5, max: Duration::from_secs(300) }),
        jitter: Some(20),
        probes: Some(3),
        successes: Some(2),
        probe_timeout: Some(ProbeTimeout::Never),
        longest_half_open: Some(Duration::from_secs(3_600)),
        after_probe_timeout: Some(AfterProbeTimeout::FreshProbes),
        ramp: Some(Ramp { shares: vec![10, 50], step: Duration::from_secs(10) }),
        abandoned: Some(Abandoned::ByTime),
        ..Settings::default()
    }
}

#[test]
fn a_file_can_set_what_the_builder_can() {
    let configuration = read(TOML).unwrap();
    assert_eq!(configuration.settings("users"), defaults());
    let search = Settings {
        open_for: Some(Duration::from_secs(5)),
        within: Some(Duration::from_secs(60)),
        last_calls: None,
        failure_ratio: Some((1, 2_000)),
        leaky_bucket: Some(Leak::new(24, 1, 109)),
        failure_rate: None,
        consecutive_failures: Some(5),
        consecutive_within_window: Some(true),
        backoff: Some(Backoff { factor: 2.0, max: Duration::from_secs(300) }),
        ..defaults()
    };
    assert_eq!(configuration.settings("search"), search);
}

#[test]
fn toml_yaml_and_json_are_equivalent() {
    let toml = read(TOML).unwrap();
    let yaml = SettingsFile::read(serde_yaml_ng::Deserializer::from_str(YAML)).unwrap();
    assert_eq!(yaml, toml);
    let json = serde_json::to_string(&toml).unwrap();
    let json = SettingsFile::read(&mut serde_json::Deserializer::from_str(&json)).unwrap();
    assert_eq!(json, toml);
}

#[test]
fn a_profile_takes_precedence() {
    let production = read(TOML).unwrap().in_profile(Some("production")).unwrap();
    let defaults = Settings { min_calls: Some(50), ..defaults() };
    assert_eq!(production.settings("users"), defaults);
    let payments = Settings { consecutive_failures: Some(3), ..defaults.clone() };
    assert_eq!(production.settings("payments"), payments);
    let search = production.settings("search");
    assert_eq!(search.open_for, Some(Duration::from_secs(5)), "from outside the profile");
    assert_eq!(search.probe_timeout, Some(ProbeTimeout::After(Duration::from_secs(2))));
    assert_eq!(search.min_calls, Some(50));
    assert_eq!(
        read(TOML).unwrap().in_profile(None).unwrap().settings("payments"),
        self::defaults()
    );
}

#[test]
fn a_missing_profile_is_reported_with_the_existing_ones() {
    let error = read(TOML).unwrap().in_profile(Some("stage")).unwrap_err();
    assert_eq!(error.to_string(), "profiles.stage: there is no such profile, only: production");
}

#[test]
fn outside_of_all_profiles_there_are_none() {
    let file = read(TOML).unwrap();
    let outside = file.in_profile(None).unwrap();
    assert_eq!((&outside.defaults, &outside.breakers), (&file.defaults, &file.breakers));
    assert!(outside.in_profile(Some("production")).is_err());
}

#[test]
fn what_is_no_table_is_refused() {
    let error = read("breakers = 3").unwrap_err();
    assert_eq!(error.path, "breakers");
    assert!(error.problem.contains("expected a map"), "{error}");
}

#[test]
fn errors_give_the_path_and_what_is_allowed() {
    let good = "[defaults]\nconsecutive_failures = 3\nopen_for = '30s'\n";
    assert!(read(good).is_ok());
    let cases = [
        (
            "defalts = 3",
            "defalts: unknown field `defalts`, expected one of `defaults`, `breakers`, `profiles`",
        ),
        (
            "[breakers.a]\nopenfor = '1s'",
            "breakers.a.openfor: unknown field `openfor`, expected one of ",
        ),
        (
            "[breakers.a]\nopen_for = 30",
            "breakers.a.open_for: invalid type: integer `30`, expected ",
        ),
        ("[breakers.a]\nopen_for = '30'", "breakers.a.open_for: "),
        (
            "[breakers.a]\nprobe_timeout = 'ever'",
            "breakers.a.probe_timeout: \"ever\" is neither \"never\" nor a time: ",
        ),
        (
            "[breakers.a]\nprobes = -1",
            "breakers.a.probes: invalid value: integer `-1`, expected u32",
        ),
        ("[breakers.a]\nbackoff = { factor = 2 }", "breakers.a.backoff: missing field `max`"),
        (
            "[breakers.a]\nbackoff = { factor = 2, max = '1h', most = '2h' }",
            "breakers.a.backoff.most: unknown field `most`, expected `factor` or `max`",
        ),
        (
            "[breakers.a]\nramp = { shares = [10], step = '1s', steps = 1 }",
            "breakers.a.ramp.steps: unknown field `steps`, expected `shares` or `step`",
        ),
        ("[profiles.p]\ndefalts = 3", "profiles.p.defalts: unknown field `defalts`, expected "),
        (
            "[breakers.a]\nopen_for = '0s'",
            "breakers.a.open_for: is 0ns, but must be 1ms to 2147483.647s",
        ),
        (
            "[breakers.a]\nopen_for = '1month'",
            "breakers.a.open_for: is 2630016s, but must be 1ms to 2147483.647s",
        ),
        ("[breakers.a]\nprobes = 32", "breakers.a.probes: is 32, but must be 1 to 31"),
        (
            "[breakers.a]\nbackoff = { factor = 1, max = '1h' }",
            "breakers.a.backoff.factor: is 1, but must be 1.001 to 65.535, or a whole number above 1",
        ),
        (
            "[breakers.a]\nfailure_ratio = [1]",
            "breakers.a.failure_ratio: invalid length 1, expected a tuple of size 2",
        ),
        (
            "[breakers.a]\nlast_calls = 9\nfailure_rate = 5\nfailure_ratio = [1, 2000]",
            "breakers.a.failure_ratio: is [1, 2000], but must be left out where failure_rate is set",
        ),
        (
            "[breakers.a]\nabandoned = 'fails'",
            "breakers.a.abandoned: unknown variant `fails`, expected one of `ignored`, `failed`, `by_time`",
        ),
        (
            "[breakers.a]\nabandoned = 'by_time'",
            "breakers.a.abandoned: is \"by_time\", but must be ",
        ),
        (
            "[breakers.a]\nfailure_rate = 50",
            "breakers.a.failure_rate: is 50, but must be set together with a window: last_calls or within",
        ),
        (
            "[profiles.p.breakers.a]\nprobes = 0",
            "profiles.p.breakers.a.probes: is 0, but must be 1 to 31",
        ),
        (
            "[profiles.p.defaults]\nprobes = 0",
            "profiles.p.defaults.probes: is 0, but must be 1 to 31",
        ),
    ];
    for (addition, complaint) in cases {
        let text = format!("{addition}\n{good}");
        let SettingsFileError { path, problem, .. } = read(&text).expect_err(addition);
        let (where_, what) = complaint.split_once(": ").unwrap();
        assert_eq!(path, where_, "{addition}");
        assert!(problem.contains(what), "{addition}: {problem}");
    }
    let error = read("[breakers.a]\nconsecutive_failures = 3").unwrap_err();
    assert_eq!(
        error.to_string(),
        "breakers.a.open_for: is not set, but must be 1ms to 2147483.647s"
    );
}

/// The error is in the defaults, but shows up only when a breaker is checked.
#[test]
fn the_path_leads_to_the_value() {
    let text = "[defaults]\nopen_for = '30s'\nlast_calls = 9\nmin_calls = 10\nfailure_rate = 50\n[breakers.a]\nprobes = 2";
    assert_eq!(
        read(text).unwrap_err().to_string(),
        "defaults.min_calls: is 10, but must be 1 to 9"
    );
}

const GOOD: &str = "[defaults]\nconsecutive_failures = 3\nopen_for = '30s'\n";

fn read_yaml(yaml: &str) -> Result<SettingsFile, SettingsFileError> {
    SettingsFile::read(serde_yaml_ng::Deserializer::from_str(yaml))
}

/// TOML knows no such file; YAML and JSON leave it to the reader.
#[test]
fn a_breaker_or_profile_that_is_there_twice_is_refused() {
    let open_for = "{ open_for: 1s, consecutive_failures: 1 }";
    for (twice, path) in [
        (format!("breakers: {{ a: {open_for}, a: {open_for} }}"), "breakers"),
        (format!("profiles: {{ p: {{ defaults: {open_for} }}, p: {{}} }}"), "profiles"),
        (
            format!("profiles: {{ p: {{ breakers: {{ a: {open_for}, a: {{}} }} }} }}"),
            "profiles.p.breakers",
        ),
    ] {
        let error = read_yaml(&twice).expect_err(&twice);
        assert!(error.problem.contains("is there twice"), "{error}");
        assert_eq!(error.path, path, "{twice}");
    }
    let json = r#"{ "breakers": { "a": { "open_for": "1s" }, "a": { "open_for": "2s" } } }"#;
    let error = SettingsFile::read(&mut serde_json::Deserializer::from_str(json)).unwrap_err();
    assert!(error.problem.contains("\"a\" is there twice"), "{error}");
}

#[test]
fn a_key_may_be_a_pattern() {
    let file = read(&format!(
        "{GOOD}[breakers.'users/*']\nopen_for = '5s'\n[breakers.'*']\nprobes = 2\n\
         [breakers.'users/a']\nprobes = 4"
    ))
    .unwrap();
    let settings = |name| {
        let settings = file.settings(name);
        (settings.open_for.unwrap().as_secs(), settings.probes)
    };
    assert_eq!(settings("users/a"), (5, Some(4)), "a name over a pattern");
    assert_eq!(settings("users/b"), (5, None), "the most specific pattern alone");
    assert_eq!(settings("orders"), (30, Some(2)));
    let registry = Registry::new(Breaker::builder("t").settings(file.defaults.clone())).unwrap();
    registry.reload(file.defaults.clone(), file.breakers.clone()).unwrap();
    for name in ["users/a", "users/b", "orders"] {
        assert_eq!(registry.get(name).settings(), &file.settings(name), "{name}");
    }
}

#[test]
fn wrong_settings_under_a_pattern_are_found() {
    for (toml, complaint) in [
        (
            "[breakers.'users/*']\nprobes = 32",
            "breakers.users/*.probes: is 32, but must be 1 to 31",
        ),
        (
            "[breakers.'u*']\nlast_calls = 9\n[breakers.ux]\nfailure_rate = 9\nmin_calls = 10",
            "breakers.ux.min_calls: is 10, but must be 1 to 9",
        ),
    ] {
        assert_eq!(read(&format!("{GOOD}{toml}")).unwrap_err().to_string(), complaint);
    }
    let error = read(&format!("{GOOD}[breakers.'{}*']\nprobes = 2", "a".repeat(300))).unwrap_err();
    assert!(error.problem.contains("301 bytes, but must be at most 256 bytes"), "{error}");
}

#[test]
fn a_setting_can_be_unset() {
    let file = read(
        "[defaults]\nconsecutive_failures = 3\nopen_for = '30s'\njitter = 20\nprobes = 3\n\
         ramp = { shares = [10], step = '1s' }\n\
         [breakers.search]\nunset = ['ramp', 'probes']\njitter = 0\n\
         [profiles.p.defaults]\nunset = ['jitter']\n[profiles.p.breakers.search]\nprobes = 2",
    )
    .unwrap();
    let search = file.settings("search");
    assert_eq!((search.ramp, search.probes, search.jitter), (None, None, Some(0)));
    assert_eq!(search.unset, [""; 0], "what is not set is not");
    assert!(file.settings("users").ramp.is_some());
    let in_profile = file.in_profile(Some("p")).unwrap();
    let search = in_profile.settings("search");
    assert_eq!((search.ramp, search.probes), (None, Some(2)), "set again in the profile");
    assert_eq!(in_profile.settings("users").jitter, None);
    for unset in ["jiter", "open_for"] {
        let toml = format!("{GOOD}[breakers.a]\nopen_for = '1s'\nunset = ['{unset}']");
        let error = read(&toml).unwrap_err();
        assert_eq!(error.path, "breakers.a.unset", "{error}");
        assert!(error.problem.contains("must be names of settings that are not set"), "{error}");
    }
}

#[test]
fn a_mode_is_a_setting() {
    let file = read(&format!(
        "{GOOD}mode = 'metrics_only'\n[breakers.'users/*']\nmode = 'disabled'\n[breakers.'users/a']\nmode = 'closed'"
    ));
    let file = file.unwrap();
    let template = Breaker::builder("template").settings(file.defaults.clone());
    let registry = Registry::new(template).unwrap();
    let before = registry.get("users/b");
    registry.reload(file.defaults, file.breakers).unwrap();
    assert_eq!(before.phase(), Phase::Disabled, "of one that exists");
    assert_eq!(registry.get("users/a").phase(), Phase::Closed);
    assert_eq!(registry.get("users/c").phase(), Phase::Disabled);
    assert_eq!(registry.get("orders").phase(), Phase::MetricsOnly);
    assert!(read(&format!("{GOOD}mode = 'off'")).is_err());

    let file = read(GOOD).unwrap();
    registry.reload(file.defaults, file.breakers).unwrap();
    assert_eq!(before.phase(), Phase::Closed, "it is in no mode any more");
}

#[test]
fn a_preset_is_filled_in_at_its_place() {
    let file = read(
        "[defaults]\npreset = 'http_service'\nprobes = 5
         [breakers.orders]\npreset = 'database'\nopen_for = '1m'\ncritical = true
         [breakers.reports]\nlast_calls = 50",
    );
    let file = file.unwrap();
    let orders = file.settings("orders");
    let expected = Settings {
        open_for: Some(Duration::from_secs(60)),
        critical: Some(true),
        ..Preset::Database.settings()
    };
    assert_eq!(orders, expected);
    let reports = file.settings("reports");
    assert_eq!((reports.last_calls, reports.probes), (Some(50), Some(5)));
    assert_eq!(reports.failure_rate, Preset::HttpService.settings().failure_rate);
    let registry = Registry::new(Breaker::builder("template").preset(Preset::Search)).unwrap();
    registry.reload(file.defaults, file.breakers).unwrap();
    assert_eq!(registry.get("orders").settings(), &orders);
    assert_eq!(registry.get("reports").settings(), &reports);

    let unknown = read("[defaults]\npreset = 'databse'").unwrap_err().to_string();
    assert!(unknown.contains("defaults.preset") && unknown.contains("`database`"), "{unknown}");
    let clash = read("[defaults]\npreset = 'search'\nmin_calls = 101").unwrap_err().to_string();
    assert!(clash.contains("defaults.min_calls") && clash.contains("1 to 100"), "{clash}");
}

#[test]
fn a_misspelt_name_is_told() {
    let file = read(&format!("{GOOD}[breakers.serach]\nprobes = 2\n[breakers.'u*']\nprobes = 3"));
    let SettingsFile { defaults, breakers, .. } = file.unwrap();
    let registry = Registry::new(Breaker::builder("template").settings(defaults.clone())).unwrap();
    registry.reload(defaults.clone(), breakers.clone()).unwrap();
    let _ = (registry.get("search"), registry.get("users"));
    assert_eq!(registry.unmatched(), ["serach".into()]);
    registry.remove("users").unwrap();
    registry.reload(defaults, breakers).unwrap();
    assert_eq!(registry.unmatched(), ["serach".into()], "what has matched once is no mistake");
}

#[test]
fn breakers_may_be_complete_without_defaults() {
    let alone = "[breakers.a]\nconsecutive_failures = 3\nopen_for = '30s'";
    assert!(read(alone).is_ok());
    assert!(read("").is_err(), "but not if the file sets nothing");
}

#[test]
fn a_registry_is_reloaded_from_a_file() {
    let configuration = read(TOML).unwrap();
    let template = Breaker::builder("template").settings(configuration.defaults.clone());
    let registry = Registry::new(template).unwrap();
    let (users, search) = (registry.get("users"), registry.get("search"));
    users.force_open();
    let SettingsFile { defaults, breakers, .. } =
        configuration.in_profile(Some("production")).unwrap();
    let outcome = registry.reload(defaults, breakers).unwrap();
    let told: Vec<_> =
        outcome.iter().map(|(name, reloaded)| format!("{name}: {reloaded}")).collect();
    assert_eq!(
        told,
        [
            "search: changed, still closed; forgot 0 calls",
            "users: changed, still forced_open; forgot 0 calls"
        ]
    );
    assert_eq!(search.settings().min_calls, Some(50));
    assert_eq!(search.settings().open_for, Some(Duration::from_secs(5)));
}
