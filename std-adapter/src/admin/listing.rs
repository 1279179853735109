//! Lists of breakers, and of groups of them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use microbreaker::{Command, Phase};
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::standing::{Glance, Standing};
use super::view::{Row, unix_ms};
use super::{Admin, Asked, all};
use crate::breaker::Breaker;
use crate::settings::pattern::Pattern;
use crate::telemetry::counts::Counts;

/// The most breakers or groups in one answer.
const MOST_LISTED: usize = 1_000;

fn bounded(limit: Option<usize>) -> usize {
    limit.unwrap_or(MOST_LISTED).clamp(1, MOST_LISTED)
}

/// How many breakers are of each standing.
type Standings = BTreeMap<Standing, usize>;

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    Name,
    Trouble,
}

#[derive(Deserialize)]
pub(super) struct Listing {
    #[serde(default = "all")]
    matching: String,
    group: Option<String>,
    closed: Option<bool>,
    standing: Option<Standing>,
    #[serde(default)]
    order: Order,
    after: Option<String>,
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

/// Some breakers now, and what there is beside.
#[derive(Serialize)]
pub(super) struct Listed {
    at_unix_ms: u64,
    remembered_since_unix_ms: u64,
    commands: &'static [Command],
    in_all: usize,
    not_closed: usize,
    standings: Standings,
    selected: usize,
    next: Option<String>,
    unmatched: Vec<String>,
    breakers: Vec<Row>,
}

pub(super) async fn breakers(
    State(admin): State<Admin>,
    asked: Asked<Listing>,
) -> Result<Json<Listed>, Refusal> {
    let Query(Listing { matching, group, closed, standing, order, after, skip, limit }) = asked?;
    if order == Order::Trouble && after.is_some() {
        let error = "after goes with names in order only";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, error, "order=trouble with skip"));
    }
    let mut breakers = admin.registry.that_match(&Pattern::new(&matching)?);
    breakers.retain(|breaker| group.as_ref().is_none_or(|group| group == group_of(breaker)));
    let mut breakers: Vec<_> = breakers.into_iter().map(Glance::at).collect();
    let in_all = breakers.len();
    let not_closed = breakers.iter().filter(|it| it.snapshot.phase != Phase::Closed).count();
    let mut standings = Standings::new();
    breakers.iter().for_each(|it| *standings.entry(it.standing).or_default() += 1);

    breakers.retain(|it| {
        after.as_ref().is_none_or(|after| **it.breaker.name() > **after)
            && closed.is_none_or(|closed| closed == (it.snapshot.phase == Phase::Closed))
            && standing.is_none_or(|standing| standing == it.standing)
    });
    let selected = breakers.len();
    if order == Order::Trouble {
        // Names stay in order among those of the same standing, so that rows do not jump.
        breakers.sort_by_key(|it| it.standing);
    }
    let has_more = selected.saturating_sub(skip) > bounded(limit);
    let listed: Vec<_> = breakers.iter().skip(skip).take(bounded(limit)).collect();
    let last = listed.last().filter(|_| has_more && order == Order::Name);
    Ok(Json(Listed {
        at_unix_ms: unix_ms((admin.now)()),
        remembered_since_unix_ms: unix_ms(admin.history.since()),
        commands: if admin.authorise.is_some() { Command::WITHOUT_ARGUMENT } else { &[] },
        in_all,
        not_closed,
        standings,
        selected,
        next: last.map(|last| last.breaker.name().to_string()),
        unmatched: admin.registry.unmatched().iter().map(ToString::to_string).collect(),
        breakers: listed.into_iter().map(Row::of).collect(),
    }))
}

#[derive(Deserialize)]
pub(super) struct Grouping {
    #[serde(default = "all")]
    matching: String,
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

/// Some groups of breakers now.
#[derive(Serialize)]
pub(super) struct Grouped {
    at_unix_ms: u64,
    in_all: usize,
    groups: Vec<Group>,
}

#[derive(Default, Serialize)]
struct Group {
    group: String,
    in_all: usize,
    standings: Standings,
    counts: Counts,
}

pub(super) async fn groups(
    State(admin): State<Admin>,
    asked: Asked<Grouping>,
) -> Result<Json<Grouped>, Refusal> {
    let Query(Grouping { matching, skip, limit }) = asked?;
    let mut groups = BTreeMap::new();
    for breaker in admin.registry.that_match(&Pattern::new(&matching)?) {
        let seen = Glance::at(breaker);
        let name = group_of(&seen.breaker);
        if !groups.contains_key(name) {
            groups.insert(name.to_owned(), Group { group: name.to_owned(), ..Group::default() });
        }
        let Some(group) = groups.get_mut(name) else { continue };
        group.in_all += 1;
        *group.standings.entry(seen.standing).or_default() += 1;
        group.counts = group.counts + seen.breaker.counts();
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| group.standings.first_key_value().map(|(worst, _)| *worst));
    let in_all = groups.len();
    let groups = groups.into_iter().skip(skip).take(bounded(limit)).collect();
    Ok(Json(Grouped { at_unix_ms: unix_ms((admin.now)()), in_all, groups }))
}

/// What is in front of the first slash of the name.
fn group_of(breaker: &Breaker) -> &str {
    breaker.name().split_once('/').map_or("", |(group, _)| group)
}
