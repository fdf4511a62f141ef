//! Names of the lab: what each look-up of each name answers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use visits::resolve::{Resolve, ResolveError, Resolving};

/// After so long the resolver gives up.
const DEADLINE: Duration = Duration::from_secs(5);

/// A resolver that answers what the test says.
#[derive(Debug, Default)]
pub struct Names {
    names: Mutex<BTreeMap<String, Name>>,
}

#[derive(Debug)]
struct Name {
    /// One for each look-up; the last one holds for all that follow.
    answers: Vec<Answer>,
    n_asked: usize,
}

/// An answer to a look-up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// The resolver is dead.
    TryAgain,
    /// No answer comes.
    Never,
}

impl Names {
    /// A name that has these addresses.
    pub fn add(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.script(name, vec![Answer::Addresses(addresses)]);
    }

    /// A name whose look-ups are answered in turn; the last answer holds for all that follow.
    pub fn script(&self, name: &str, answers: Vec<Answer>) {
        self.names.lock().unwrap().insert(name.to_owned(), Name { answers, n_asked: 0 });
    }

    /// How often a name was looked up.
    pub fn n_asked(&self, name: &str) -> usize {
        self.names.lock().unwrap().get(name).map_or(0, |name| name.n_asked)
    }

    fn next(&self, name: &str) -> Option<Answer> {
        let mut names = self.names.lock().unwrap();
        let name = names.get_mut(name)?;
        let answer = name.answers.get(name.n_asked).or(name.answers.last()).cloned();
        name.n_asked += 1;
        answer
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        let answer = self.next(name);
        Box::pin(async move {
            match answer {
                Some(Answer::Addresses(addresses)) if !addresses.is_empty() => Ok(addresses.into()),
                Some(Answer::Addresses(_)) | None => Err(ResolveError::NoName),
                Some(Answer::TryAgain) => Err(ResolveError::TryAgain("the lab says so".into())),
                Some(Answer::Never) => {
                    tokio::time::sleep(DEADLINE).await;
                    Err(ResolveError::Slow(DEADLINE))
                }
            }
        })
    }
}
