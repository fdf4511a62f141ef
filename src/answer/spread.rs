//! Moves mirrors of different networks to the front of a list
//! ([`Shaping`](super::shaping::Shaping::spread)).

use super::selection::Selection;
use model::ids::HostId;
use model::tier::Tier;
use model::url::Protocol;
use snapshot::{DirectoryView, Snapshot, contains};

/// The number of mirrors at the front that are spread, which is the number of URLs that zypper reads.
const FRONT: usize = 4;
/// The number of next mirrors that are considered for a place: nearness counts more than variety.
const WINDOW: usize = 16;

/// Moves mirrors of different networks to the front, preferably those with the `preferred`
/// protocol: https, unless others were asked for. Mirrors of the client's own network stay before
/// all others, and the first mirror stays the first: it takes most of the load, so bandwidth alone decides
/// which one that is. Mirrors that are behind, which are last, stay behind all others. If mirrors are ordered by distance, no mirror of a band overtakes a nearer one.
pub fn spread(
    snapshot: &Snapshot,
    directory: &DirectoryView<'_>,
    preferred: Option<Protocol>,
    is_by_distance: bool,
    selection: &mut Selection,
) {
    let is_current = |&host: &HostId| !contains(directory.behind, host);
    let n_current = match directory.behind.is_empty() {
        true => selection.hosts.len(),
        // If all are behind, none is before another.
        false => {
            selection.hosts.iter().rposition(is_current).map_or(selection.hosts.len(), |at| at + 1)
        }
    };
    let fixed = selection
        .tiers
        .iter()
        .filter(|&&(tier, end)| matches!(tier, Tier::Netblock | Tier::Asn) && end <= n_current)
        .map(|&(_, end)| end)
        .max()
        .unwrap_or(0);
    let offers_preferred =
        preferred.map_or(&[][..], |protocol| directory.layout.speaking(protocol));
    let lacks_preferred = |host: HostId| !contains(offers_preferred, host);
    for place in fixed.max(1)..FRONT {
        let window = match selection.tiers.iter().find(|&&(_, end)| place < end) {
            Some(&(_, end)) if is_by_distance => WINDOW.min(end - place),
            _ => WINDOW,
        };
        let window = if place < n_current { window.min(n_current - place) } else { window };
        let (front, rest) = match selection.hosts.split_at_checked(place) {
            Some((front, rest)) if rest.len() > 1 => (front, rest),
            _ => return,
        };
        let is_near =
            |host: HostId| front.iter().any(|&other| snapshot.hosts().share_network(host, other));
        let rank = |host| (is_near(host), lacks_preferred(host));
        let mut window = rest.iter().take(window).enumerate();
        // As a rule the next one is as good as any, and the others are not looked at.
        let Some((mut best, &next)) = window.next() else { return };
        let mut least = rank(next);
        while least != (false, false)
            && let Some((index, &host)) = window.next()
        {
            let own = rank(host);
            if own < least {
                (best, least) = (index, own);
            }
        }
        selection.promote(place + best, place);
    }
}
