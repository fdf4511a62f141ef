//! What operators and owners of mirrors ask for.

use checks::state::{Maintenance, MirrorState, NotTurned, Pause};

use super::checker::Checker;
use super::known::Error;

/// A switch that somebody turns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Switch {
    /// Pauses a mirror until it is resumed.
    Pause { pause: Pause, is_by_owner: bool },
    /// Plans maintenance.
    Plan(Maintenance),
    /// Ends a pause, and maintenance.
    Resume { is_by_owner: bool },
}

impl Switch {
    fn is_by_owner(&self) -> bool {
        match self {
            Self::Pause { is_by_owner, .. } | Self::Resume { is_by_owner } => *is_by_owner,
            Self::Plan(planned) => planned.is_by_owner,
        }
    }
}

/// What a mirror says that has checked in, as far as it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CheckIn {
    /// When its sync finished, in seconds since 1970; `None` if it does not say.
    pub(crate) finished_at: Option<u64>,
    /// How many directories it names; `None` if it names none.
    pub(crate) n_directories: Option<u64>,
}

impl Checker {
    /// Turns a switch of a mirror, or says why it may not be turned; `None` if the catalog has no such mirror.
    pub(crate) async fn turn(
        &self,
        key: &str,
        switch: &Switch,
    ) -> Result<Option<Result<(), NotTurned>>, Error> {
        let now = (self.clock)();
        let is_by_owner = switch.is_by_owner();
        let turn = |state: &mut MirrorState| {
            let mut switches = state.switches.clone();
            match switch.clone() {
                Switch::Pause { pause, is_by_owner } => switches.pause(pause, is_by_owner),
                Switch::Plan(planned) => switches.plan(planned, now),
                Switch::Resume { is_by_owner } => switches.resume(is_by_owner, now),
            }?;
            if is_by_owner {
                state.owner.turn(now).map_err(NotTurned::TooOften)?;
            }
            state.switches = switches;
            Ok(())
        };
        self.change(key, turn).await
    }

    /// Whether there is such a mirror that can be visited.
    pub(crate) async fn has(&self, key: &str) -> Result<bool, Error> {
        Ok(self.change(key, |_| ()).await?.is_some())
    }

    /// Notes that an owner asks for a visit now, at the time that is returned. The inner error is after how many
    /// seconds that may be done; `None` if the catalog has no such mirror.
    pub(crate) async fn ask_visit(&self, key: &str) -> Result<Option<Result<u64, u64>>, Error> {
        let now = (self.clock)();
        self.change(key, |state| state.owner.ask(now).map(|()| now)).await
    }

    /// Takes back that an owner asked for a visit at a time: none can be made.
    pub(crate) async fn ask_no_visit(&self, key: &str, asked: u64) -> Result<(), Error> {
        let forget = |state: &mut MirrorState| {
            state.owner.asked = state.owner.asked.filter(|known| *known != asked);
        };
        self.change(key, forget).await.map(drop)
    }

    /// Takes in a check-in, and returns when that was, in seconds since 1970; `None` if the catalog has no such
    /// mirror.
    pub(crate) async fn check_in(&self, key: &str, what: CheckIn) -> Result<Option<u64>, Error> {
        let CheckIn { finished_at, n_directories } = what;
        let now = (self.clock)();
        let check_in = |state: &mut MirrorState| state.check_in(now, finished_at, n_directories);
        Ok(self.change(key, check_in).await?.map(|()| now))
    }
}
