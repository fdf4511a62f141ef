//! The areas in which clients can be, from the places of networks.
//!
//! A table of cities knows thousands of points. For each area a snapshot holds all mirrors in bands of
//! distance, so points are moved to the lines of a grid, which is as fine as [`MAX_AREAS`] allows.

use std::collections::BTreeSet;

use model::area::{Area, AreaId};
use model::net::Prefix;

use super::geography::push_merged;

/// The most areas. Each takes some ten sets of mirrors: 4 MB for all of them with 500 mirrors.
const MAX_AREAS: usize = 4_096;
/// Distances between the lines of a grid, in hundredths of a degree. Half a degree is 55 km at most;
/// mirrors that differ by less in their distances are equally near.
const GRIDS: [i16; 6] = [50, 100, 200, 400, 800, 1_600];

/// All areas of a catalog.
pub(super) struct Areas {
    /// The distance between the lines of the grid.
    step: i16,
    /// In ascending order.
    list: Vec<Area>,
}

impl Areas {
    /// The areas of these networks.
    pub(super) fn new(database: &[(Prefix, Area)], by_hand: &[(Prefix, Area)]) -> Self {
        let (mut whole, mut exact) = (BTreeSet::new(), BTreeSet::new());
        for &(_, area) in database.iter().chain(by_hand) {
            whole.insert(Area::whole(area.location));
            exact.insert(area);
        }
        let on_grid = |step| -> BTreeSet<Area> {
            whole.iter().copied().chain(exact.iter().map(|&area| on_grid(area, step))).collect()
        };
        let grids = GRIDS.into_iter().map(|step| (step, on_grid(step)));
        let fitting = grids.into_iter().find(|(_, areas)| areas.len() <= MAX_AREAS);
        let (step, areas) = fitting.unwrap_or((0, whole));
        Self { step, list: areas.into_iter().collect() }
    }

    /// Numbers the areas of the database's networks, which are disjoint and in order.
    pub(super) fn number_database(&self, networks: Vec<(Prefix, Area)>) -> Vec<(Prefix, AreaId)> {
        let mut merged = Vec::with_capacity(networks.len());
        for (prefix, area) in networks {
            if let Some(id) = self.find(area) {
                push_merged(&mut merged, prefix, id);
            }
        }
        merged
    }

    /// Numbers the areas of networks.
    pub(super) fn number(&self, networks: Vec<(Prefix, Area)>) -> Vec<(Prefix, AreaId)> {
        let numbered = networks.into_iter().map(|(prefix, area)| Some((prefix, self.find(area)?)));
        numbered.flatten().collect()
    }

    fn find(&self, area: Area) -> Option<AreaId> {
        AreaId::new(self.list.binary_search(&on_grid(area, self.step)).ok()?)
    }

    /// The areas, by their ids.
    pub(super) fn into_list(self) -> Vec<Area> {
        self.list
    }
}

/// An area with its point on a grid; without a point if `step` is 0.
fn on_grid(area: Area, step: i16) -> Area {
    Area { point: area.point.filter(|_| step > 0).map(|point| point.on_grid(step)), ..area }
}
