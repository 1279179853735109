use crate::case::Case;
/// Not drawn yet.
pub fn draw(case: &Case) -> Result<String, String> {
    let f = crate::check::on_breaker(case, 8)?;
    Ok(f.iter().map(|f| f.gap.len().to_string()).collect())
}
