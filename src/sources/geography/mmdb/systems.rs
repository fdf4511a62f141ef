//! Databases of autonomous systems: the number is in `autonomous_system_number` (MaxMind, DB-IP,
//! ip-location-db), or in `asn` as `AS64500` (IPinfo) or as a number.

use super::{BadDatabase, Record, for_each_network};
use catalog::geography::{AsNetworks, Owner, push_merged};
use catalog::{Origin, Report};
use model::asn::{self, AS_TRANS};

/// Reads every network with an AS number. Fails if the file is no such database, or if no record in it has
/// a number.
pub fn parse(file: &str, bytes: &[u8], report: &mut Report) -> Result<AsNetworks, BadDatabase> {
    let mut networks = Vec::new();
    let origin = Origin::table(file, "asn");
    let read = |record: &Record<'_>, _: &str| {
        let paths = [["autonomous_system_number"], ["asn"]];
        let number = paths.iter().find_map(|path| match record.number(path) {
            Some(number) => Some(Ok(number)),
            None => record.text(path).map(|text| asn::parse(text).ok_or(text)),
        });
        match number? {
            Ok(0) => None,
            Ok(AS_TRANS) => {
                report.skipped(&origin, "number of no system, skipped", AS_TRANS);
                None
            }
            Ok(number) => Some(Owner::As(number)),
            Err(text) => {
                report.skipped(&origin, "not an AS number, skipped", text);
                None
            }
        }
    };
    let push = |prefix, owner| {
        push_merged(&mut networks, prefix, owner);
        networks.len()
    };
    let database_type = for_each_network(bytes, read, push)?;
    if networks.is_empty() {
        return Err(BadDatabase::NoSystem(database_type));
    }
    let mut table = AsNetworks::default();
    table.networks = networks;
    Ok(table)
}
