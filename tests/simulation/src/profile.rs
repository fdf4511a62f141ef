//! What happens in the world of a seed.

use fastrand::Rng;

use crate::line::Weather;

/// What happens in the world of a seed, and how often.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What goes wrong on lines.
    pub weather: Weather,
    /// How many milliseconds pass on average between two crashes; 0 is never.
    pub crash_every: u64,
    /// Between two stalls.
    pub stall_every: u64,
    /// Between two cuts of lines.
    pub cut_every: u64,
    /// Between two orderly stops.
    pub stop_every: u64,
    /// Between two jumps of the store's clock.
    pub jump_every: u64,
    /// Whether the name of a process that stalls may be taken by another one.
    pub has_usurpers: bool,
}

impl Profile {
    /// The profile of a seed: every kind of fault alone, and all together.
    pub fn of_seed(seed: u64, rng: &mut Rng) -> Self {
        const NONE: Profile = Profile {
            name: "calm",
            weather: Weather { fails: 0, loses_reply: 0, repeats: 0, delay: 60 },
            crash_every: 0,
            stall_every: 0,
            cut_every: 0,
            stop_every: 0,
            jump_every: 20_000,
            has_usurpers: false,
        };
        let few = |rng: &mut Rng| rng.u32(1..30);
        match seed % 6 {
            0 => NONE,
            1 => Self { name: "crashes", crash_every: 15_000, stop_every: 30_000, ..NONE },
            2 => Self { name: "stalls", stall_every: 20_000, has_usurpers: rng.bool(), ..NONE },
            3 => {
                let weather = Weather {
                    fails: few(rng),
                    loses_reply: few(rng),
                    repeats: few(rng),
                    delay: 400,
                };
                Self { name: "bad lines", weather, cut_every: 20_000, ..NONE }
            }
            4 => {
                let weather = Weather { delay: rng.u64(1_000..4_000), ..NONE.weather };
                Self { name: "slow", weather, crash_every: 60_000, stop_every: 40_000, ..NONE }
            }
            _ => {
                let weather = Weather {
                    fails: few(rng),
                    loses_reply: few(rng),
                    repeats: few(rng),
                    delay: 800,
                };
                Self {
                    name: "everything",
                    weather,
                    crash_every: 40_000,
                    stall_every: 40_000,
                    cut_every: 40_000,
                    stop_every: 60_000,
                    jump_every: 30_000,
                    has_usurpers: true,
                }
            }
        }
    }

    /// Whether every process lives all the time, so that no task may be taken from it.
    pub fn is_calm(&self) -> bool {
        self.name == "calm"
    }
}
