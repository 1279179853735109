//! A breaker without its type parameters.

use crate::command::Command;
use crate::error::IllegalTransition;
use crate::phase::Phase;
use crate::snapshot::Snapshot;

/// What a console or a telemetry frame needs of a breaker, whatever its window, clock,
/// observer and configuration source: breakers of different types fit into one table.
///
/// ```
/// use microbreaker::{Breaker, Command, Config, Phase, ShortWindow, Status};
///
/// static SENSOR: Breaker<(), fn() -> u32> =
///     Breaker::new(Config::new().consecutive_failures(3).open_for(500), (), || 0);
/// static RADIO: Breaker<ShortWindow, fn() -> u32> = Breaker::new(
///     Config::new().failures_in_window(5).last_calls(16).open_for(9_000),
///     ShortWindow::new(),
///     || 0,
/// );
/// static BREAKERS: [(&str, &(dyn Status + Sync)); 2] = [("sensor", &SENSOR), ("radio", &RADIO)];
///
/// /// Carries out a line typed on the console, such as `radio trip`.
/// fn enter(line: &str) -> Result<(), &'static str> {
///     let (name, command) = line.split_once(' ').ok_or("a name and a command")?;
///     let (_, breaker) = BREAKERS.iter().find(|(n, _)| *n == name).ok_or("no such breaker")?;
///     let command = Command::named(command).ok_or("no such command")?;
///     breaker.command(command).map_err(|_| "not from this phase")
/// }
///
/// assert_eq!(enter("radio trip"), Ok(()));
/// assert_eq!(enter("sensor half-open"), Err("not from this phase"));
/// assert_eq!(BREAKERS.map(|(_, breaker)| breaker.phase()), [Phase::Closed, Phase::Open]);
/// ```
///
/// Every method is lock-free and allocates nothing. A breaker of which nobody makes a
/// `dyn Status` takes no more flash for it.
pub trait Status {
    /// As [`Breaker::phase`](crate::Breaker::phase).
    fn phase(&self) -> Phase;

    /// As [`Breaker::snapshot`](crate::Breaker::snapshot).
    fn snapshot(&self) -> Snapshot;

    /// Carries out `command`, as the method of [`Breaker`](crate::Breaker) of the same
    /// name does.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] if the phase does not allow the command, and always if the
    /// configuration source leaves it out
    /// ([`MANUAL_PHASES`](crate::config::ConfigSource::MANUAL_PHASES),
    /// [`EXPLICIT_LENGTHS`](crate::config::ConfigSource::EXPLICIT_LENGTHS)); the method
    /// itself does not compile there.
    fn command(&self, command: Command) -> Result<(), IllegalTransition>;
}
