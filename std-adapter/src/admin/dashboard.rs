//! The page: one file, put together here.

use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse};

const PAGE: &str = concat!(
    include_str!("dashboard/head.html"),
    "<style>\n",
    include_str!("dashboard/style.css"),
    "</style>\n",
    include_str!("dashboard/body.html"),
    "<script>\n\"use strict\";\n",
    include_str!("dashboard/words.js"),
    include_str!("dashboard/rates.js"),
    include_str!("dashboard/pasts.js"),
    include_str!("dashboard/charts.js"),
    include_str!("dashboard/limits.js"),
    include_str!("dashboard/log.js"),
    include_str!("dashboard/control.js"),
    include_str!("dashboard/fleet.js"),
    include_str!("dashboard/rows.js"),
    include_str!("dashboard/groups.js"),
    include_str!("dashboard/details.js"),
    include_str!("dashboard/view.js"),
    include_str!("dashboard/keys.js"),
    include_str!("dashboard/live.js"),
    "</script>\n</html>\n",
);

/// The page. It may not load anything, embed other sites, nor be embedded in them.
pub(super) async fn page() -> impl IntoResponse {
    const POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; \
                          script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; \
                          form-action 'none'";
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}
