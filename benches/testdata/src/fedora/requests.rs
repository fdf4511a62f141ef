//! Requests to measure with, and the wrk scripts that send them.

use super::addresses::{Addresses, address_in};
use super::repositories::Repository;
use super::{Shape, stream};
use crate::mirrormanager::StringRepeatedIntMap;
use crate::rng::Rng;

/// Clients from a preferred netblock, in permille: few, but enough to reach that code.
const NETBLOCK_PERMILLE: usize = 30;

/// One line `PATH_AND_QUERY<TAB>CLIENT_ADDRESS` per request.
pub(super) fn requests(
    shape: &Shape,
    addresses: &Addresses,
    repositories: &[Repository],
    netblocks: &[StringRepeatedIntMap],
) -> String {
    let mut rng = Rng::new(shape.seed, stream::REQUESTS);
    let live: Vec<_> = repositories.iter().filter(|repository| repository.is_live()).collect();
    let (netblocks_v6, netblocks_v4): (Vec<_>, Vec<_>) =
        netblocks.iter().partition(|netblock| netblock.key.contains(':'));
    let mut text = String::new();
    for index in 0..shape.requests {
        let repository = rng.pick(&live);
        // Every fifth exactly, so that any stretch of the file has the same mix.
        let v6 = index % 5 == 4;
        let netblocks = if v6 { &netblocks_v6 } else { &netblocks_v4 };
        let preferred = if rng.permille(NETBLOCK_PERMILLE) && !netblocks.is_empty() {
            let netblock: &&StringRepeatedIntMap = rng.pick(netblocks);
            address_in(netblock, &mut rng)
        } else {
            None
        };
        let client = match preferred {
            Some(address) => address,
            None => addresses.pick(v6, &mut rng).network.host(rng.next_u128()),
        };
        let Repository { prefix, arch, .. } = repository;
        text.push_str(&format!("/metalink?repo={prefix}&arch={arch}\t{client}\n"));
    }
    text
}

/// A wrk script that sends `requests.txt` to this path.
pub(super) fn wrk_script(path: &str) -> String {
    include_str!("wrk.lua").replace("@PATH@", path)
}
