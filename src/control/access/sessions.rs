//! What cookies stand for: random numbers that remember a token, for some hours.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::secret::Secret;
use rustix::rand::{GetRandomFlags, getrandom};

use super::token_file::Token;

/// How long a session lasts.
pub(super) const LIFE: Duration = Duration::from_secs(12 * 3_600);
/// How many there may be; a further one ends the oldest.
const MAX_SESSIONS: usize = 64;

/// All sessions. They end with the process.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Vec<Session>>);

struct Session {
    id: Secret,
    token: Token,
    ends: Instant,
}

impl Sessions {
    /// Remembers a token, and returns the number that stands for it from now on; `None` if the system gives
    /// no random numbers.
    pub(super) fn begin(&self, token: &Token, now: Instant) -> Option<String> {
        let mut bytes = [0_u8; 16];
        let n = getrandom(&mut bytes, GetRandomFlags::empty()).ok()?;
        if n != bytes.len() {
            return None;
        }
        let id = format!("{:032x}", u128::from_ne_bytes(bytes));
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|session| session.ends > now);
        if sessions.len() >= MAX_SESSIONS {
            sessions.remove(0);
        }
        sessions.push(Session {
            id: Secret::new(id.clone()),
            token: token.clone(),
            ends: now + LIFE,
        });
        Some(id)
    }

    /// The token that a number stands for.
    pub(super) fn find(&self, id: &str, now: Instant) -> Option<Token> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_id = sessions.iter().rev().find(|session| session.id.is(id.as_bytes()));
        of_id.filter(|session| session.ends > now).map(|session| session.token.clone())
    }

    /// Whether there are none.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Forgets what a number stands for.
    pub(super) fn end(&self, id: &str) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|session| !session.id.is(id.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str) -> Token {
        let secret = Secret::new("0123456789abcdef".to_owned());
        Token { name: name.to_owned(), secret, mirrors: None }
    }

    #[test]
    fn a_session_ends_after_its_time() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let id = sessions.begin(&token("me"), now).unwrap();
        assert_eq!(sessions.find(&id, now + LIFE - Duration::from_secs(1)), Some(token("me")));
        assert_eq!(sessions.find(&id, now + LIFE), None);
        let longer = format!("{id}0");
        assert_eq!((sessions.find("", now), sessions.find(&longer, now)), (None, None));
    }

    #[test]
    fn a_session_that_is_ended_is_forgotten_and_others_are_not() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let [one, other] = ["one", "other"].map(|name| sessions.begin(&token(name), now).unwrap());
        sessions.end("");
        sessions.end(&one);
        assert_eq!(sessions.find(&one, now), None);
        assert_eq!(sessions.find(&other, now), Some(token("other")));
    }

    #[test]
    fn the_oldest_session_gives_way() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let begin = |at: usize| sessions.begin(&token(&at.to_string()), now).unwrap();
        let ids: Vec<_> = (0..=MAX_SESSIONS).map(begin).collect();
        assert_eq!(sessions.find(&ids[0], now), None);
        assert_eq!(sessions.find(&ids[1], now), Some(token("1")));
        assert_eq!(sessions.find(&ids[MAX_SESSIONS], now), Some(token(&MAX_SESSIONS.to_string())));
    }
}
