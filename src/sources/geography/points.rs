//! Where networks are by a table of cities: its degrees, as points of a grid.

use model::point::Point;

/// The distance between the lines of the grid, in hundredths of a degree: half a degree, 55 km at most. No
/// table knows more of a network than its town, and mirrors that differ by less in their distances are
/// equally near. Points are moved to the grid while a table is read, so that neighbours of one region merge
/// at once: of the 6.3 million IPv4 networks of DB-IP's table of cities, 2.7 million are left.
const GRID: i16 = 50;

/// The problem of degrees that are there and cannot be read, for a report.
pub(super) const NO_NUMBERS: &str = "degrees that are no numbers, ignored";

/// The point at these degrees, as a table gives them. The error is the problem for a report.
pub(super) fn locate(north: f64, east: f64) -> Result<Point, &'static str> {
    if north == 0.0 && east == 0.0 {
        return Err("point 0, 0, which is in the sea, ignored");
    }
    let point = Point::new(north, east).map(|point| point.on_grid(GRID));
    point.ok_or("degrees that no point has, ignored")
}

/// Reads degrees of latitude or longitude; `None` if the text is no number.
pub(super) fn parse_degrees(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// Reads a pair of degrees, such as `52.5,13.4`: latitude, longitude.
pub(super) fn parse_pair(text: &str) -> Option<(f64, f64)> {
    let (north, east) = text.split_once(',')?;
    Some((parse_degrees(north)?, parse_degrees(east)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_on_a_grid_of_half_a_degree() {
        let shown = |north, east| match locate(north, east) {
            Ok(point) => point.to_string(),
            Err(problem) => problem.to_owned(),
        };
        assert_eq!(shown(52.52, 13.4), "52.50, 13.50");
        assert_eq!(shown(52.52, 13.4), shown(52.3, 13.7));
        assert_eq!(shown(-33.87, -179.9), "-34.00, -180.00");
        assert_eq!(shown(0.1, 0.0), "0.00, 0.00");
        assert_eq!(shown(0.0, 0.0), "point 0, 0, which is in the sea, ignored");
        for (north, east) in [(90.5, 0.0), (0.0, 181.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert_eq!(shown(north, east), "degrees that no point has, ignored");
        }
    }

    #[test]
    fn degrees_are_numbers_and_nothing_else() {
        assert_eq!(parse_degrees(" -33.87"), Some(-33.87));
        assert_eq!(parse_pair("52.5,13.4"), Some((52.5, 13.4)));
        assert_eq!(parse_pair("52.5, 13.4"), Some((52.5, 13.4)));
        for text in ["", "-", "52,5,13", "north,east", "52.5"] {
            assert_eq!(parse_pair(text), None, "{text}");
        }
    }
}
