//! What is known of mirrors: a state for each, what visits have shown, and facts about all of them.
//!
//! The store keeps states, records and facts as texts, and does not read them: what they say is decided by
//! who checks mirrors. A visit is recorded as soon as it ends, so that a round that is killed has lost nothing.
//! Later its round is judged: the states that follow from it are written, and its visits count as judged, in
//! one transaction. A state is replaced only if it is still the one that was read.
//!
//! Everything is of a site, whose name is empty where the store has one site only: mirrors of two catalogs may
//! have the same key.

use crate::error::Error;
use crate::operation::{Operation, Row, Transaction, Value, placeholders};
use crate::record::{
    ClaimNumber, Fact, MirrorState, MirrorVisit, TaskId, VisitName, bounded, bounds,
};

/// The task that writes, and the right to do so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fence {
    /// The task.
    pub id: TaskId,
    /// The claim under which it runs.
    pub claim: ClaimNumber,
    /// The process that runs it.
    pub boot: String,
}

impl Fence {
    /// Whether the task still runs under this claim. On PostgreSQL nobody can take it away before the
    /// transaction ends.
    async fn is_held<T: Transaction>(&self, tx: &mut T) -> Result<bool, Error> {
        let sql = format!(
            "SELECT id FROM task WHERE id = ?1 AND claim = ?2 AND boot = ?3 AND state = 'running'{}",
            tx.dialect().for_no_key_update()
        );
        let parameters = [self.id.0.into(), self.claim.0.into(), (&self.boot).into()];
        Ok(!tx.query(&sql, &parameters).await?.is_empty())
    }
}

/// What became of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// It is in the store.
    Yes,
    /// The task was lost before: nothing was written.
    Stale,
}

/// Reads the states of mirrors, in the order of their keys.
#[derive(Clone, Debug, Default)]
pub struct ReadMirrors {
    /// The site.
    pub site: String,
    /// Only those with a greater key: where the page before has ended.
    pub after: Option<String>,
    /// At most so many.
    pub limit: i64,
}

impl Operation for ReadMirrors {
    type Reply = Vec<MirrorState>;
    const NAME: &'static str = "read_mirrors";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<MirrorState>, Error> {
        let collation = tx.dialect().by_bytes();
        let sql = format!(
            "SELECT key, version, state FROM mirror WHERE site = ?1 AND key{collation} > ?2
             ORDER BY key{collation} LIMIT ?3"
        );
        let after = self.after.as_deref().unwrap_or_default();
        let parameters = [(&self.site).into(), after.into(), self.limit.clamp(1, 1_000).into()];
        tx.query(&sql, &parameters).await?.iter().map(mirror).collect()
    }
}

/// Reads how often the state of each mirror of a site was written: what has not changed need not be read again.
#[derive(Clone, Debug)]
pub struct MirrorVersions(pub String);

impl Operation for MirrorVersions {
    /// By key.
    type Reply = Vec<(String, i64)>;
    const NAME: &'static str = "mirror_versions";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<(String, i64)>, Error> {
        let sql = "SELECT key, version FROM mirror WHERE site = ?1";
        let rows = tx.query(sql, &[(&self.0).into()]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }
}

/// Reads the state of one mirror.
#[derive(Clone, Debug)]
pub struct FindMirror {
    /// The site.
    pub site: String,
    /// The mirror.
    pub key: String,
}

impl Operation for FindMirror {
    /// `None` if nothing is known of it.
    type Reply = Option<MirrorState>;
    const NAME: &'static str = "find_mirror";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Option<MirrorState>, Error> {
        let sql = "SELECT key, version, state FROM mirror WHERE site = ?1 AND key = ?2";
        tx.query(sql, &[(&self.site).into(), (&self.key).into()])
            .await?
            .first()
            .map(mirror)
            .transpose()
    }
}

/// Reads a fact.
#[derive(Clone, Debug)]
pub struct FindFact {
    /// The site.
    pub site: String,
    /// Its name.
    pub name: &'static str,
}

impl Operation for FindFact {
    /// `None` if it was never written.
    type Reply = Option<Fact>;
    const NAME: &'static str = "find_fact";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Option<Fact>, Error> {
        let sql = "SELECT version, value FROM check_fact WHERE site = ?1 AND name = ?2";
        let rows = tx.query(sql, &[(&self.site).into(), self.name.into()]).await?;
        let fact = |row: &Row| {
            Ok(Fact { name: self.name.to_owned(), version: row.int(0)?, value: row.text(1)? })
        };
        rows.first().map(fact).transpose()
    }
}

/// Records a visit that has ended. The same visit is recorded once, however often this is run.
#[derive(Clone, Debug)]
pub struct RecordVisit {
    /// The task that visits.
    pub fence: Fence,
    /// The site.
    pub site: String,
    /// What was seen.
    pub visit: MirrorVisit,
}

impl Operation for RecordVisit {
    type Reply = Written;
    const NAME: &'static str = "record_visit";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Written, Error> {
        let MirrorVisit { mirror, tier, round, at, record } = &self.visit;
        check_key(mirror)?;
        check_size(mirror, record)?;
        if !self.fence.is_held(tx).await? {
            return Ok(Written::Stale);
        }
        tx.query(
            "INSERT INTO mirror_visit(site, mirror, tier, round, at, judged, record)
             VALUES(?1, ?2, ?3, ?4, ?5, 0, ?6) ON CONFLICT(site, mirror, round, tier) DO NOTHING",
            &[
                (&self.site).into(),
                mirror.into(),
                bounded(tier, bounds::LINE).into(),
                (*round).into(),
                (*at).into(),
                record.into(),
            ],
        )
        .await?;
        Ok(Written::Yes)
    }
}

/// Reads the visits that are not judged yet, in the order in which they were recorded.
#[derive(Clone, Debug)]
pub struct OpenVisits {
    /// The site.
    pub site: String,
    /// At most so many.
    pub limit: i64,
}

impl Operation for OpenVisits {
    type Reply = Vec<MirrorVisit>;
    const NAME: &'static str = "open_visits";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<MirrorVisit>, Error> {
        let sql = "SELECT mirror, tier, round, at, record FROM mirror_visit
                   WHERE site = ?1 AND judged = 0 ORDER BY id LIMIT ?2";
        let parameters = [(&self.site).into(), self.limit.clamp(1, 10_000).into()];
        tx.query(sql, &parameters).await?.iter().map(visit).collect()
    }
}

/// Reads the last visits to a mirror, the latest first.
#[derive(Clone, Debug)]
pub struct LastVisits {
    /// The site.
    pub site: String,
    /// The mirror.
    pub mirror: String,
    /// At most so many.
    pub limit: i64,
}

impl Operation for LastVisits {
    type Reply = Vec<MirrorVisit>;
    const NAME: &'static str = "last_visits";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<MirrorVisit>, Error> {
        let sql = "SELECT mirror, tier, round, at, record FROM mirror_visit
                   WHERE site = ?1 AND mirror = ?2 ORDER BY id DESC LIMIT ?3";
        let parameters =
            [(&self.site).into(), (&self.mirror).into(), self.limit.clamp(1, 1_000).into()];
        tx.query(sql, &parameters).await?.iter().map(visit).collect()
    }
}

/// Writes what follows from something: states, facts, and which visits are judged now. If one of
/// them has another version than the one that was read, nothing is written ([`Error::Overtaken`]).
#[derive(Clone, Debug, Default)]
pub struct WriteChecks {
    /// The task that writes; `None` for a person.
    pub fence: Option<Fence>,
    /// The site.
    pub site: String,
    /// New states, each with the version that it follows; 0 is the first. At most [`bounds::STATES`].
    pub states: Vec<MirrorState>,
    /// New facts, likewise.
    pub facts: Vec<Fact>,
    /// The visits that are judged now. Others of the same round may have been recorded since they were read.
    pub judged: Vec<VisitName>,
}

impl Operation for WriteChecks {
    type Reply = Written;
    const NAME: &'static str = "write_checks";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Written, Error> {
        if self.states.len() > bounds::STATES {
            return Err(Error::Refused(format!("more than {} states at once", bounds::STATES)));
        }
        if let Some(fence) = &self.fence
            && !fence.is_held(tx).await?
        {
            return Ok(Written::Stale);
        }
        // In one order, so that two processes never wait for each other.
        let mut states: Vec<&MirrorState> = self.states.iter().collect();
        states.sort_by(|one, other| one.key.cmp(&other.key));
        for MirrorState { key, version, state } in states {
            check_key(key)?;
            check_size(key, state)?;
            replace(tx, &self.site, ("mirror", "key", "state"), (key, *version, state)).await?;
        }
        let mut facts: Vec<&Fact> = self.facts.iter().collect();
        facts.sort_by(|one, other| one.name.cmp(&other.name));
        for Fact { name, version, value } in facts {
            check_key(name)?;
            check_size(name, value)?;
            replace(tx, &self.site, ("check_fact", "name", "value"), (name, *version, value))
                .await?;
        }
        for VisitName { mirror, round, tier } in &self.judged {
            let sql = "UPDATE mirror_visit SET judged = 1
                       WHERE site = ?1 AND mirror = ?2 AND round = ?3 AND tier = ?4";
            let name = [(&self.site).into(), mirror.into(), (*round).into(), tier.into()];
            tx.query(sql, &name).await?;
        }
        Ok(Written::Yes)
    }
}

/// Replaces a text, if it still has the version that the new one follows; 0 is that of a text that is not
/// there.
async fn replace<T: Transaction>(
    tx: &mut T,
    site: &str,
    (table, key_column, text_column): (&str, &str, &str),
    (key, version, text): (&str, i64, &str),
) -> Result<(), Error> {
    let sql = match version {
        0 => format!(
            "INSERT INTO {table}(site, {key_column}, version, {text_column})
             VALUES(?1, ?2, ?3 + 1, ?4) ON CONFLICT(site, {key_column}) DO NOTHING RETURNING version"
        ),
        _ => format!(
            "UPDATE {table} SET version = ?3 + 1, {text_column} = ?4
             WHERE site = ?1 AND {key_column} = ?2 AND version = ?3 RETURNING version"
        ),
    };
    match tx.query(&sql, &[site.into(), key.into(), version.into(), text.into()]).await?.is_empty()
    {
        true => Err(Error::Overtaken(key.to_owned())),
        false => Ok(()),
    }
}

/// Removes old visits that were judged.
#[derive(Clone, Debug)]
pub struct PurgeVisits {
    /// How long they are kept, in milliseconds.
    pub keep: i64,
    /// Of each mirror that has a state, so many of the last visits stay however old they are.
    pub keep_last: i64,
    /// At most so many are removed at once.
    pub limit: i64,
}

impl Operation for PurgeVisits {
    /// How many were removed. If it is the limit, there may be more.
    type Reply = i64;
    const NAME: &'static str = "purge_visits";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<i64, Error> {
        let before = tx.now().await?.plus(-self.keep.max(0));
        let rows = tx
            .query(
                "DELETE FROM mirror_visit WHERE id IN(
                     SELECT visit.id FROM mirror_visit visit
                     WHERE visit.at < ?1 AND visit.judged = 1 AND (
                         NOT EXISTS(SELECT 1 FROM mirror
                             WHERE mirror.site = visit.site AND mirror.key = visit.mirror)
                         OR (SELECT count(*) FROM mirror_visit later
                             WHERE later.site = visit.site AND later.mirror = visit.mirror
                                 AND later.id > visit.id) >= ?2)
                     ORDER BY visit.at LIMIT ?3)
                 RETURNING id",
                &[before.into(), self.keep_last.max(0).into(), self.limit.clamp(1, 10_000).into()],
            )
            .await?;
        Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    }
}

/// Forgets mirrors of a site, with their visits, unless they were visited not so long ago.
#[derive(Clone, Debug)]
pub struct ForgetMirrors {
    /// The site.
    pub site: String,
    /// The mirrors, at most [`bounds::STATES`].
    pub keys: Vec<String>,
    /// For how many milliseconds they must not have been visited.
    pub unseen: i64,
}

impl Operation for ForgetMirrors {
    /// Of how many something was known.
    type Reply = i64;
    const NAME: &'static str = "forget_mirrors";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<i64, Error> {
        if self.keys.len() > bounds::STATES {
            return Err(Error::Refused(format!("more than {} mirrors at once", bounds::STATES)));
        }
        if self.keys.is_empty() {
            return Ok(0);
        }
        let since = tx.now().await?.plus(-self.unseen.max(0));
        let mut parameters: Vec<Value> = vec![(&self.site).into(), since.into()];
        parameters.extend(self.keys.iter().map(Into::into));
        let list = placeholders(3, self.keys.len());
        // Whether judged or not: of a mirror that is not in the catalog, nothing follows.
        let sql = format!(
            "DELETE FROM mirror WHERE site = ?1 AND key IN({list}) AND NOT EXISTS(
                 SELECT 1 FROM mirror_visit
                 WHERE mirror_visit.site = mirror.site AND mirror_visit.mirror = mirror.key
                     AND mirror_visit.at >= ?2)
             RETURNING key"
        );
        let rows = tx.query(&sql, &parameters).await?;
        for row in &rows {
            let sql = "DELETE FROM mirror_visit WHERE site = ?1 AND mirror = ?2";
            tx.query(sql, &[(&self.site).into(), row.text(0)?.into()]).await?;
        }
        Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    let is_fine = !key.is_empty() && key.len() <= bounds::LINE && !key.contains(char::is_control);
    is_fine.then_some(()).ok_or_else(|| Error::Refused(format!("{key:?} is no key")))
}

fn check_size(key: &str, text: &str) -> Result<(), Error> {
    let max = bounds::CHECKS;
    let is_fine = text.len() <= max;
    is_fine.then_some(()).ok_or_else(|| {
        Error::Refused(format!("{key}: what is to be written has more than {max} bytes"))
    })
}

fn mirror(row: &Row) -> Result<MirrorState, Error> {
    Ok(MirrorState { key: row.text(0)?, version: row.int(1)?, state: row.text(2)? })
}

fn visit(row: &Row) -> Result<MirrorVisit, Error> {
    Ok(MirrorVisit {
        mirror: row.text(0)?,
        tier: row.text(1)?,
        round: row.int(2)?,
        at: row.time(3)?,
        record: row.text(4)?,
    })
}
