"""Postal addresses."""

from __future__ import annotations

import pytest

from tests.privacy.recognizers.table import found


@pytest.mark.parametrize(
    "address",
    [
        "123 Main Street, Springfield, IL 62704",
        "45 N. Elm St., Apt. 4B, Austin, TX 78701, USA",
        "123 MAIN ST\nAPT 4\nSPRINGFIELD IL 62704",
        "221B Baker Street, London NW1 6XE",
        "Flat 3, 12 High Street, Oxford OX1 4DB",
        "350 5th Avenue, New York, NY 10118",
        "1600 Pennsylvania Avenue NW, Washington, DC 20500",
        "7 Elm Park, Dublin 4, D04 X2C3, Ireland",
        "12 Ashby Grove\nToronto, ON M5V 2T6\nCanada",
        "9 Wattle Crescent, Perth WA 6000",
        "12 rue de la Paix, 75002 Paris, France",
        "Hauptstraße 5, 10117 Berlin",
        "Unter den Linden 77, 10117 Berlin",
        "Keizersgracht 12, 1015 CS Amsterdam, The Netherlands",
        "Via Roma 12, 00184 Roma",
        "Calle Mayor 5, 28013 Madrid",
        "Rua das Flores, 34, 4050-262 Porto",
        "Kungsgatan 12, 111 43 Stockholm",
        "Mannerheimintie 5, 00100 Helsinki",
        "ul. Marszałkowska 10/3, 00-590 Warszawa",
        "Storgata 1, 0155 Oslo",
        "P.O. Box 1234",
        "10 Downing Street",
        "北京市朝阳区建国路88号",
        "東京都渋谷区神南1-2-3",
        "서울특별시 강남구 테헤란로 152",
        "ул. Ленина, д. 5, кв. 12",
    ],
)
def test_an_address_is_found_to_its_last_line(address):
    assert found(address, "STREET_ADDRESS") == [address]
    assert found(f"Send it to: {address}; thanks", "STREET_ADDRESS") == [address]


@pytest.mark.parametrize(
    "address",
    [
        "One Apple Park Way, Cupertino, CA 95014",
        "Level 5, 121 Marcus Clarke Street, Canberra ACT 2601",
        "H.No. 12-5-34, Vijaya Nagar, Hyderabad-500057",
        "Rose House, 14 Mill Lane, Norwich NR1 2AB",
        "Parliament Drive, Canberra ACT 2600, Australia",
        "rue de Lausanne 28, 1201 Genève",
        "54 Cowley Street, D02 X285",
        "Avenida San Martín N° 371 Piso 2, Río Gallegos 9400, Santa Cruz, Argentina",
        "Av. Paulista, 1578 - Bela Vista, São Paulo - SP, 01310-200, Brasil",
        "1055 Budapest, Kossuth Lajos tér 1-3",
        "Sněmovní 4, 118 26 Praha",
        "Atatürk Bulvarı No: 35, 06640 Çankaya",
        "Jl. Merdeka Utara No. 3, Jakarta 10110",
        "Rådhusgade 37, 3700 Rønne",
        "Unit 5146 Box 1772\nDPO AE 91410",
        "PSC 0729, Box 5797\nAPO AP 96854",
        "614 Ashby Hollow Suite 232\n> Springfield, IL 62704\n> USA",
    ],
)
def test_an_address_of_any_country_is_one_span(address):
    assert found(f"Please write to {address} if needed.", "STREET_ADDRESS") == [address]


@pytest.mark.parametrize(
    "text, address",
    [
        ("12 Main Street, Springfield. It is new.", "12 Main Street"),
        ("She left 12 Main Street, Peter said.", "12 Main Street"),
        ("12 Main Street\nPhone: see above", "12 Main Street"),
        ("Hauptstraße 5\n10117 Berlin\n\nThank you!", "Hauptstraße 5\n10117 Berlin"),
        ("Is Ringvej 14 far?", "Ringvej 14"),
        ("PSC 3294, Box 9168\nAPO AA 61487\n416 60 039", "PSC 3294, Box 9168\nAPO AA 61487"),
        ("the corner of 25 Gianni Street and King Forges", "25 Gianni Street and King Forges"),
        ("In 2012 Hauptstraße 5 was sold", "Hauptstraße 5"),
        ("12 Main St Apt 4, ask for 3 keys", "12 Main St Apt 4"),
    ],
)
def test_what_stands_around_an_address_is_left_out(text, address):
    assert found(text, "STREET_ADDRESS") == [address]


@pytest.mark.parametrize(
    "text, address, town",
    [
        ("12 Main Street, Boston, and more", "12 Main Street", "Boston"),
        ("Calle 26 # 69-76, Torre 1, Piso 5, Bogotá", "Calle 26 # 69-76, Torre 1, Piso 5", "Bogotá"),
        ("She lives at Hauptstraße 5, Köln.", "Hauptstraße 5", "Köln"),
        ("Keizersgracht 12\nAmsterdam", "Keizersgracht 12", "Amsterdam"),
        ("She left 12 Main Street, Tremville.", "12 Main Street", "Tremville"),
    ],
)
def test_a_town_named_alone_behind_a_street_is_a_place_by_itself(text, address, town):
    assert found(text, "STREET_ADDRESS") == [address]
    assert found(text, "LOCATION") == [town]


def test_an_address_in_lower_case_is_found_where_it_is_announced():
    assert found("my address is 55 oak tree lane", "STREET_ADDRESS") == ["55 oak tree lane"]
    assert found("send 2 books to 614 ashby hollow suite 232, springfield", "STREET_ADDRESS") == [
        "614 ashby hollow suite 232"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "In 1995 Wall Street crashed.",
        "By 2010 Google Street View was there.",
        "42nd Street, Sesame Street, Wall Street",
        "500 Wall Street Journal articles",
        "The 3 St. Louis players and 12 Angry Men",
        "Spring 2010, Nuremberg 1945, iPad 2, Watergate 1972",
        "World War 2, 1945 Berlin",
        "He won 3 Olympic Gold Medals, 2008 Beijing China",
        "on the corner of Hwy 99 and 220th St. On October 20, 2011",
        "July 4, 1776 in Philadelphia",
        "It is 5 miles down the road.",
        "Windows 10 Home, Chapter 3",
        "Mix 2 Cups Flour, 350 degrees",
        "Office 365, 10000 users",
        "Birmingham 0121, Aylesbury 01296, Leeds 0113",
        "The games took place in 2021, taking place on November 3",
        "Madonna moved to New York City in 1978",
        "KTM 390 Adventure\nHonda CB500XA\nYamaha XT250",
        "Presidential Proclamation No. 2914, 3 C.F.R. 99 (1953)",
        "described by Zheng et al. in 2009",
        "A. Every 4 years\nB. Every 6 years\nC. Every 8 years",
        "Triumph Street Twin 900",
        "Yanked!, (Avon June 1999)",
        "In 1972 Arches National Park was founded",
        "In 2006, the International Astronomical Union defined it",
        "The Brigade 5 and the Renegade 2",
        "Room 12, 10000 sheets",
        "route 66, section 12, article 5",
        "You can plan for a One Week Road trip",
    ],
)
def test_streets_without_a_number_and_numbers_without_a_street_stay(text):
    assert found(text, "STREET_ADDRESS") == []
