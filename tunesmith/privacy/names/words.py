"""The words that tell a name from a word, a person from a place, and a private mention from an encyclopedic one.

All in lower case. Written for this project; English first, the commonest cues of other languages beside it.
"""

from __future__ import annotations

from pathlib import Path


def read(name: str) -> str:
    """A word list that stands beside this module; lines with ``#`` say where it is from."""
    lines = Path(__file__).with_name(name).read_text("utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def words(text: str) -> frozenset[str]:
    """The words of a block of text; ``_`` stands for a space."""
    return frozenset(word.replace("_", " ") for word in text.split())


# --- persons ----------------------------------------------------------------------------------------------------------

TITLES = words("""
    mr mrs ms miss mx dr prof professor doctor madam mr. mrs. ms. mx. dr. prof. rev. fr. hon. capt. sgt. lt. officer
    detective sergeant inspector nurse attorney rabbi reverend pastor imam sheikh coach
    herr frau hr. fr. fräulein señor señora señorita senor senora senorita sr. sra. srta. sra srta don doña dona monsieur
    madame mademoiselle m. mme mlle mme. mlle. signor signora signorina signore sig. sig.ra dott. dott.ssa senhor senhora
    dhr. dhr mevr. mevrouw meneer pan pani fru bay bayan shri smt smt. shrimati sri ing. dipl.-ing. dra dra. arq. lic.
    gospodin gospođa kyrios kyria tío tía tio tia uncle aunt auntie grandma grandpa granny cousin
""")
# Worn by the figures of history and of fiction: part of a name where one is found, never a reason to see one.
STATELY = words("""
    sir lord lady dame king queen prince princess emperor empress tsar czar pope saint st st. president general admiral
    colonel major captain lieutenant commander marshal senator governor mayor minister chancellor duke duchess earl count
    countess baron baroness sultan caliph shah pharaoh bishop archbishop cardinal chief justice judge congressman
    congresswoman representative ambassador secretary sister brother father mother emir rajah maharaja
""")
SUFFIXES = words("jr jr. sr sr. ii iii iv phd ph.d. md m.d. esq esq. mba cpa dds rn")
ARTICLES = words("the a an this that these every each any some no")
PARTICLES = words("""
    van von der den de del della dello di da do dos das du la le el al bin ibn bint abu ben ter ten zu zur zum af av y e
    vom op 't la' d' l' o mac mc san st saint ap i
""")
GREETINGS = words("""
    dear hi hello hey hiya greetings howdy welcome thanks thank_you morning afternoon evening hola estimado estimada
    querido querida hallo liebe lieber bonjour cher chère salut ciao caro cara gentile egregio olá prezado prezada caro
    beste geachte kära hej drogi szanowny merhaba sevgili namaste salaam salam
""")
CLOSINGS = words("""
    regards sincerely thanks cheers best love yours truly faithfully wishes respectfully xoxo cordially saludos gracias
    atentamente grüße grüßen gruß mfg cordialement merci saluti grazie abraços obrigado obrigada groeten vriendelijk
    signed hugs
""")
LABELS = words("""
    name fullname surname firstname lastname customer client patient employee contact attn attention person full_name name_on_card name_on_account card_holder account_holder maiden_name attendees participants recipient sender from
    to cc bcc signed cardholder holder beneficiary payee payer passenger guest student teacher author manager agent witness
    applicant candidate tenant landlord owner buyer seller nombre nom naam imię nome namn navn isim vorname nachname
    prénom apellido apellidos cognome sobrenome kunde cliente client patiente user member reporter assignee reviewer
    supervisor doctor physician nurse parent guardian spouse mother father emergency requester caller driver insured
    signature prepared_for prepared_by issued_to issued_by billed_to sold_to ship_to bill_to assigned_to assigned_by
    submitted_by submitted_to requested_by approved_by reviewed_by reported_by next_of_kin kin handled_by deceased plaintiff
    defendant claimant petitioner respondent interviewer interviewee trainer trainee instructor speaker host
    organizer organiser nominee mentor mentee referee approver delegate
""")
KIN = words("""
    wife husband son daughter mother father mom mum dad brother sister cousin uncle aunt grandmother grandfather grandma
    grandpa nephew niece fiancé fiancée fiance fiancee girlfriend boyfriend partner friend roommate flatmate classmate
    colleague coworker co-worker boss manager supervisor assistant secretary neighbor neighbour landlord tenant doctor
    dentist therapist lawyer attorney accountant teacher tutor coach nurse babysitter nanny client customer patient
    employee intern student stepmother stepfather stepson stepdaughter twin buddy mate spouse ex advisor mentor driver
    physician pediatrician hairdresser plumber realtor agent waiter waitress applicant candidate passenger guest
    esposa esposo marido hermano hermana hijo hija madre padre amigo amiga frau mann bruder schwester freund freundin
    chef kollege kollegin mari femme frère sœur ami amie collègue marito moglie fratello sorella amico amica
""")
OWN = words("my our your his her their mi mis mein meine meinem meiner mon ma mes mio mia nuestro unser nos minha meu")
FIRST_PERSON_OWN = words("my our your mi mein meine meinem meiner mon ma mio mia nuestro unser minha meu")
# Verbs and prepositions with a person behind them: enough for a name of the tables.
REACHING = words("""
    let remind forwarded
    call called contact email emailed e-mail mail ask asked tell told meet met message text texted phone phoned invite
    invited remind notify pay paid married marry visit visited thank hire hired help helped cc inform telephone reach
    page interview interviewed introduce named know saw see gave give show sent
""")
REACHING_PAIRS = words("""
    speak_to speak_with spoke_to spoke_with speaking_to speaking_with talk_to talk_with talked_to talked_with talking_to
    talking_with met_with meet_with meeting_with chat_with write_to wrote_to reach_out_to belongs_to assigned_to
    addressed_to transfer_to send_to sent_to pay_to payable_to owed_to love_to regards_to invoice_to bill_to ship_to
    signed_by sent_by prepared_by approved_by requested_by reported_by submitted_by care_of asked_for asking_for ask_for
    appointment_with call_from email_from message_from letter_from note_from married_to engaged_to lives_with
    live_with work_with works_with working_with lunch_with dinner_with birthday_of care_for account_of name_of phone_of
    number_of address_of email_of behalf_of hi_to hello_to said_to lied_to listen_to listened_to explained_to handed_to
    written_to happened_to replied_to apologize_to apologized_to proud_of rid_of afraid_of jealous_of introduced_to
    lent_to sold_to given_to refund_to transfer_to transferred_to amount_to belonged_to attributable_to issued_to
    reporting_to report_to reports_to reported_to confirmed_by confirmed_with submitted_to delivered_by interviewed_by
    treated_by examined_by accompanied_by supervised_by represented_by contacted_by
""")
WEAK_LEFT = words("for by with from to and or that if has does did when while but because let made make")
NAMING = words("""
    my_name_is name_is name's my_name's names_is full_name_is i_am_called me_llamo mi_nombre_es llamo nombre_es
    ich_heiße heiße ich_heisse heisse name_ist m'appelle je_m'appelle nom_est mi_chiamo chiamo nome_é nome_è chamo me_chamo
    heet naam_is hedder heter jag_heter nazywam_się adım zovem_se menya_zovut kutsutaan
""")
SELF = words("i'm im i’m am this_is it's here_is soy sono sou ich_bin suis ben jestem")
SAYING = words("""
    said says told asked asks lives lived works worked called calls emailed wants wanted needs needed likes loves loved
    hates thinks thought knows knew bought buys sold feels felt decided plans planned tried tries sends paid pays owes
    ordered moved visited met invited replied answered signed drove drives forgot forgets lost studies studied teaches
    family household residence twins couple sisters brothers kids siblings taught earns spent spends sat smiled laughed doesn't didn't speaks went walked ran came sent picked waited arrived
""")
# Verbs that people share with things: enough in a private passage only.
DOING = words("""
    has had will can could would should is was and goes comes took takes gave gives made makes got gets plays played runs
    walks received wrote joined left found sits does did isn't wasn't from at hasn't
""")
BELONGINGS = words("""
    phone email e-mail address account birthday house home mother father brother sister son daughter wife husband car job
    number card salary password doctor boss friend friends mom dad family office desk order invoice appointment room dog
    cat passport license resume signature contact mobile cell health
    face voice hand hands hair eyes arm leg back heart head foot knee shoulder mind clothes jacket coat bag purse wallet
    keys laptop iphone computer bike bicycle place parents family kids children girlfriend boyfriend cousin aunt uncle
    grandmother grandfather grandma grandpa mum baby husband's wife's wedding party funeral visit surgery pregnancy divorce
    death illness medication prescription condition diagnosis test grades homework teacher lawyer apartment flat bedroom
    desk password login username profile application interview shift lunch
""")

# What stands before a name in quotes: the game "X", the movie "X" do not.
NAMED_AS = words("named called name nickname nicknamed alias aka")
SURE_CLOSINGS = words("regards sincerely cordially atentamente grüße grüßen gruß cordialement saluti groeten signed")
# --- places -----------------------------------------------------------------------------------------------------------

RESIDENCE = words("""
    live_in lives_in lived_in living_in reside_in resides_in residing_in resident_of born_in moved_to move_to
    moving_to moved_from relocate_to relocated_to relocating_to relocated_from grew_up_in up_in raised_in home_in house_in
    apartment_in flat_in office_in visiting visit visited travel_to traveling_to travelling_to traveled_to trip_to flight_to
    flight_from fly_to flying_to flew_to fly_from flying_from drive_to drove_to staying_in stay_in stayed_in vacation_in
    holiday_in holidays_in working_in work_in works_in worked_in studying_in study_in studied_in branch_in store_in
    arrive_in arrived_in arriving_in ship_to deliver_to shipped_to delivered_to citizen_of
    hotel_in born_and_raised_in meet_in retired_to back_to home_to headed_to going_to go_to went_to property_in
    vivo_en vive_en vivir_en wohne_in wohnt_in lebe_in habite_à habite_a abito_a moro_em vivo_a live_near lives_near near
    residents_of customers_in clients_in family_in friends_in parents_in school_in wedding_in conference_in job_in
    shop_in restaurant_in clinic_in bank_in account_in currently_in postmarked is_from are_from am_from i'm_from he's_from she's_from was_from
    we're_from they're_from originally_from comes_from come_from came_from came_here_from train_to bus_to ticket_to visa_for
    trip_from train_from bus_from ferry_to shuttle_to commute_to commutes_to drive_from parcel_to package_to ship_it_to
    transferred_to posted_to stationed_in deployed_to evacuated_from deported_from people_of town_of city_of village_of
    suburb_of district_of outskirts_of north_of south_of east_of west_of downtown mayor_of streets_of weather_in
    based_out_of located_in situated_in settled_in settle_in emigrated_to emigrated_from immigrated_to immigrated_from
    fled_to fled_from escaped_from returning_to returned_to returning_from returned_from back_from coming_from hails_from
    native_of outside_of suburbs_of part_of_town centre_of center_of heart_of coast_of border_with
    married_in met_in honeymoon_in semester_in exchange_to visa_to move_from moving_from drive_through cruise_to cruises_to
    tour_of tours_of tour_to vacationing_in spent_in summer_in winter_in weekend_in week_in month_in year_in years_in
    apartment_near house_near farm_near farm_in cottage_in villa_in flat_near hostel_in airbnb_in museum_in roommate_in
    roommates_in people_in somewhere_in anywhere_in everywhere_in nowhere_in over_in down_in up_in out_in here_in there_in
    rented_in bought_in stuck_in stranded_in stop_in stopped_in landed_in landing_in hospital_in prison_in jail_in
""")
PLACE_LABELS = words("""
    city town location address country hometown birthplace state region residence destination origin ciudad ort stadt ville
    adresse dirección indirizzo città place venue
""")
PREPOSITIONS = words(
    "located_in based_in in to from near outside through via across en aus nach à em w leaving left_for back_in over_to"
)
WEAK_PREPOSITIONS = words("at around of between a do toward towards into beyond past miss love like leave leaves left")
PLACE_AFTER = words("""
    airport station downtown city weather residents branch suburbs police area region border harbor harbour coast countryside
    accent winter summer subway metro traffic
""")
PLACE_OWNED = words("airport streets mayor weather harbour harbor beaches suburbs nightlife climate station")
# Heads of places: no person, and a place where a cue says so.
PLACE_HEADS = words("""
    city town village island islands beach falls park hills hill heights springs valley bay creek county province township
    harbor harbour port mills corner corners grove lake ridge river rock point center centre forest
""")
STATE_CODES = words("""
    AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI
    SC SD TN TX UT VT VA WA WV WI WY DC AB BC MB NB NL NS ON PE QC SK NSW QLD VIC UK USA UAE
""")
NATION_WORDS = words("uk usa u.s. u.s.a. uae england scotland wales britain")
EXTRA_PLACES = words("""
    england scotland wales northern_ireland great_britain bavaria catalonia tuscany sicily andalusia normandy brittany
    ontario quebec alberta manitoba saskatchewan nova_scotia british_columbia new_south_wales queensland tasmania
    kerala punjab gujarat maharashtra tamil_nadu karnataka brooklyn manhattan queens_village the_bronx cologne naples
    florence venice turin genoa milan rome seville lisbon the_hague antwerp bruges gothenburg copenhagen prague warsaw
    nyc d.c washington_d.c
    krakow munich nuremberg hanover zurich geneva basel lucerne vienna moscow st._petersburg saint_petersburg kyiv kiev
    odessa bucharest belgrade athens thessaloniki istanbul cairo marrakesh marrakech fez tehran mumbai bangalore calcutta
    rangoon saigon ho_chi_minh_city peking canton new_york new_york_city washington_dc washington_d.c. st._louis st_louis
""")

# --- organizations ----------------------------------------------------------------------------------------------------

LEGAL_FORMS = words("""
    inc inc. incorporated ltd ltd. limited llc l.l.c. llp l.l.p. lp plc p.l.c. corp corp. corporation co. company gmbh
    ag kg ohg ug e.v. gbr kgaa s.a. sa s.a.s. sas sarl s.à.r.l. s.a.r.l. eurl snc s.l. sl s.l.u. slu s.p.a. spa s.r.l. srl
    s.n.c. bv b.v. nv n.v. vof bvba oy oyj ab hb as a.s. asa aps a/s ivs s.r.o. a.d. d.o.o. doo d.d. kft kft. zrt zrt. nyrt
    sp. s.k.a. oü uab sia ltda ltda. eireli s.a.b. pty pte pvt pvt. bhd sdn k.k. kk g.k. ooo oao zao pjsc pjs jsc fzco fze
    holdings holding commv eirl gesbr gesmbh vzw asbl ltée ltee srls sagl tbk
""")
# Also ordinary words or abbreviations: a legal form only behind at least one real name word.
GROUP_HEADS = words("""
    university college institute hospital clinic bank academy foundation association airlines airways insurance partners
    associates consulting consultants solutions technologies technology systems industries enterprises logistics
    pharmaceuticals pharma motors ventures group brothers bros sons holdings capital securities investments financial
    laboratories labs software networks electronics foods bakery brewery publishing media studios realty properties
    construction builders plumbing roofing dental orthodontics orthopedics pharmacy medical healthcare hospice church
    services service data research analytics advisors advisory wealth management trading travel tours designs design digital interactive graphics gaming robotics diagnostics therapeutics biosciences energy utilities wireless marketing advertising staffing legal accounting auto automotive dealers furniture textiles fashions cosmetics jewelers supplies tools toys sports fitness wellness nutrition groep gruppe groupe gruppo grupo grup kommunal parish school elementary kindergarten mosque synagogue temple agency bureau union trust cooperative co-op ministry
    department council commission society federation restaurant hotel inn diner café cafe pizzeria supermarket stores store
    outfitters apparel energy petroleum mining steel chemicals telecom communications broadcasting university_hospital
    universität universidad université università universidade universiteit universitet krankenhaus klinik klinikum banco
    banca banque sparkasse hospital escuela colegio schule stiftung verlag werke
    markets insights lines retail pharmacies outlets manufacturing freight shipping couriers transport haulage rentals
    leasing brokers brokerage equity lending credit payments payroll recruiting recruitment hr talent security defense
    aerospace aviation semiconductors chemical materials plastics packaging paper printing press records pictures films
    games interactive sports agri farms organics beverages distillery winery vineyards catering kitchens hospitality resorts
    bistro brasserie trattoria tavern pub bookshop bookstore salon spa barbers cleaners dentistry optometry veterinary vets
    nursery preschool montessori seminary polytechnic daycare charity trustees council commission chamber coalition
    alliance guild collective initiative orchestra symphony philharmonic choir
""")

HEADS_FIRST = words("""
    royal koninklijke groupe grupo gruppo spółdzielnia stowarzyszenie fundacja gabinety przedsiębiorstwo stiftung fondation
    fundación fundacja fundação restauración hermanos banco banca banque cooperativa sociedad société società compañía
    compagnie comercial inversiones distribuciones industrias servicios construcciones hotel ristorante restaurant café
""")
HEADS_OF = words("""
    university college institute bank church school academy ministry department bureau universidad université università
    universidade universität banco banca banque hospital society museum
""")
WORKING = words("""
    work_at works_at worked_at working_at work_for works_for worked_for working_for employed_by employed_at employee_of
    employee_at employees_of job_at job_with position_at position_with hired_by intern_at internship_at interning_at
            manager_at engineer_at developer_at
    analyst_at consultant_at nurse_at teacher_at account_at account_with customer_of client_of company_called
    company_named interview_at interview_with contract_with offer_from invoice_from order_from subscription_to
    shares_of stock_of colleague_at colleagues_at boss_at career_at started_at laid_off_by fired_from retired_from
    arbeite_bei arbeitet_bei trabajo_en trabaja_en travaille_chez lavoro_presso trabalho_na joined study_at
    studies_at studied_at studying_at student_at graduated_from enrolled_at attends attended attend treated_at
    policy_with insured_with member_of on_behalf_of behalf_of
    company_like companies_like firms_like startups_like company_is companies_such_as firm_called business_called
    startup_called firm_named shop_called bank_called brand_called supplier_called hired_at recruited_by contractor_for
    freelance_for consultant_for volunteer_at volunteers_at intern_for interned_at apprentice_at employer_is bank_is
    work_with_a_company_called nurse_for driver_for accountant_for lawyer_for engineer_for manager_of manager_for
    contact_at contacts_at studies_with enrolled_in_the professor_at lecturer_at researcher_at scientist_at fellow_at
    physician_at surgeon_at doctor_at technician_at clerk_at cashier_at cook_at chef_at salesman_at assistant_at trainee_at
    director_at executive_at president_at vice_president_at officer_at specialist_at designer_at architect_at editor_at
    reporter_at journalist_at reporter_for journalist_for writes_for plays_for played_for play_for recruiter_at
    recruiter_for salesman_for clerk_for freelances_for career_with careers_at position_in_the freshman_at sophomore_at
    degree_from diploma_from graduate_of alumnus_of alumni_of graduated_at majored_at professor_of_the volunteer_for
    volunteers_for volunteered_for volunteered_at volunteering_at interned_with joins joining rejoined
    branch_manager_at desk_at office_at shift_at meeting_at appointment_at partner_at
""")
ORGANIZATION_PREPOSITIONS = words("at")
WEAK_ORGANIZATION_LEFT = words("""
    from by with for between against about left sued use uses using called phoned emailed switched_to switched_from joined
    my_new our_new contacted contact trust hate love like recommend via than to of
""")
# Legal forms that are also words: only as they are written, "AB" and not "Ab" or "as".
SHORT_FORMS = words("as co sa se ab sl spa sas doo sia company limited sp sis hb ag ug nv bv asa")
PARTNERS = words(
    "asociados associés filhos hermanos sons brothers partners associates co daughters söhne fils figli hijos zonen"
)
ORGANIZATION_LABELS = words("""
    company employer organization organisation business firm agency school university bank hospital empresa firma
    unternehmen arbeitgeber entreprise société azienda société: insurer vendor supplier
""")

# Heads that things have too: a firm only where something around it says so.
PUBLIC_HEADS = words("""
    chorus ensemble theatre theater museum gallery library club clubhouse council rovers
    zoo cinema cinemas opera ballet centre center arena stadium airport railway railways post times gazette tribune herald
    chronicle office court corporation company international global worldwide brands resources instruments devices clothing
    optical optics robotics authority organization organisation league party brewing farm farms gym shop market house
""")
# Behind a name no table knows, these say that it is a firm's.
TRADING = words("""
    hiring announced announces customer customers employees shares stock offices headquarters support branch branches
    store stores app website warranty delivers delivered ships sells layoffs reported reports shareholders subsidiary
    products services invoice invoices payroll staff is_hiring is_open is_closed acquired acquires merged bankrupt
    insurance refused charges charged bills billed representative representatives hotline ceo cfo
    offers provides launches launched operates specializes specialises manufactures distributes outsources outsourced
    recruits recruiting expanding expands partnered partners raised files filed sued sues ipo inc corporation platform
    software users subscribers subscription vans trucks plant factory warehouse outlet
    announces introduces introduced unveiled unveils reopened relaunched rebranded outbid sponsors sponsored hires recalled
    recalls manufactured distributed licensed licenses profits earnings revenue spokesman spokeswoman spokesperson executives
    management shareholder investors workers union contract contracts stockholders board premises showroom dealership cashier
    employee worker hq campus conference flight flights loan loans recruiter recruiters logo brand
    salesman salesperson newsletter voucher vouchers membership technician technicians engineers
""")
# Behind "X was", "X has been", "X is": what happens to firms and what they do.
TRADING_DONE = words("""
    hiring recruiting expanding acquired founded incorporated merged recalled launched opened opening closing sued rebranded
    headquartered listed bankrupt insolvent offering outsourcing restructuring relocating delivering shipping developing
    manufacturing taken owned
""")
# Verbs that firms share with people.
TRADING_OR_SAYING = words("""
    said says sent sends refused refuses offered offers told wants plans bought sold pays owes called emailed replied failed
    apologized apologised promised has will website app account customer team office
""")
# Behind "'s".
BUSINESS_OWNED = words("""
    customer customers ceo cfo cto employees staff shares stock headquarters shareholders board website app support branch
    branches stores products services revenue profits policy hotline warehouse factory plant spokesman spokesperson
    management competitors warranty helpdesk helpline subsidiary
""")
TRADING_LEFT = words("""
    offices_of office_of headquarters_of branch_of employees_of subsidiary_of acquired_by bought_from ordered_from
    merger_with purchased_from shares_in charged_by billed_by delivered_by supplier vendor competitor insurer
    fired_by hired_by rent_from rented_from refund_from loan_from spokesman_for spokesperson_for lawsuit_against complaint_about payment_to order_with products_from products_of stock_in ceo founder chairman_of chief_of shopping_at shop_at shopped_at bank_with
    sued_by insured_by merge_with contractor subcontractor
    ceo_of cto_of cfo_of founder_of co-founder_of president_of director_of owner_of
    startup firm company brand retailer manufacturer airline insurer partnership_with acquisition_of takeover_of
    merger_of purchased_by acquired_by owned_by deal_with agreement_with sponsored_by products_by services_of
    executive_of head_of board_of chairwoman_of chair_of spokeswoman_for manager_of cashier_at clerk_at van_from truck_from
    laid_off_from resign_from resigned_from quit retire_from dismissed_by dismissed_from applied_to apply_to applying_to
    application_to insurance_through insured_through policy_through booked_through pension_with savings_with
    service_at counter_at sale_at discount_at branch_at staff_at staff_of workers_at workers_of union_at strike_at
    merged_with merging_with competes_with competing_with competitor_of rival_of division_of arm_of unit_of franchise_of
    supplied_by manufactured_by distributed_by sold_by_the shipped_by insured_by funded_by financed_by run_by_the
    partnered_with partnership_between partner_of subsidiaries_of customers_of clients_of suppliers_of products_by
    subscribe_to unsubscribe_from website_of catalogue_of store_of stores_of factory_of
    services_from call_from_the shipment_from package_from delivery_from statement_from charge_from charges_from
    payment_from salary_from paycheck_from bill_from quote_from ordered_at bought_at purchased_at shares_at
    investment_in invest_in invested_in donation_to donate_to donated_to complaint_against claim_against
    claim_with policy_from card_from mortgage_with mortgage_from ticket_from flight_with fly_with flew_with booked_with
    booking_with reservation_with subscribed_to
""")
EMPLOYERS = words(
    "insurance retailer airline courier contractor employer company firm bank supplier vendor insurer agency startup business landlord client school"
)
# Before a place that is known, and no part of its name.
SIDES = words(
    "southern northern eastern western central greater downtown upstate mainland rural southeastern southwestern "
    "northeastern northwestern"
)
# A name that begins so is that of a place where no cue speaks for a person.
PLACE_BEGINNINGS = words("""
    san santa são santo el los las villa valle colonia port fort lake mount monte puerto rio puente ciudad bad sankt saint
    sainte st nova novo nueva nuevo new north south east west upper lower great little la le les val mont castel castelo
    ain al bani beni ban kota tanjung shahr nizhny velikiy stara novi khan_yunis
""")

# --- neither ----------------------------------------------------------------------------------------------------------

CALENDAR = words("""
    january february march april may june july august september october november december jan feb mar apr jun jul aug
    sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun christmas
    easter halloween thanksgiving ramadan diwali hanukkah passover spring summer autumn fall winter
""")
LANGUAGES = words("""
    english spanish french german italian portuguese dutch swedish norwegian danish finnish icelandic russian ukrainian
    polish czech slovak hungarian romanian bulgarian greek turkish arabic hebrew persian farsi hindi urdu bengali tamil
    telugu marathi gujarati punjabi chinese mandarin cantonese japanese korean vietnamese thai indonesian malay filipino
    tagalog swahili zulu afrikaans latin american british canadian australian european asian african mexican brazilian
    indian pakistani egyptian israeli irish scottish welsh swiss austrian belgian argentine argentinian colombian
    chilean peruvian cuban nigerian kenyan ethiopian iranian iraqi syrian lebanese saudi afghan christian catholic
    protestant muslim islamic jewish buddhist hindu sikh roman byzantine ottoman soviet yugoslav victorian ukrainians
    americans germans russians romans greeks christians muslims jews hindus buddhists catholics protestants republican
    republicans democrat democrats democratic serbian croatian slovenian albanian macedonian estonian latvian lithuanian
    georgian armenian azerbaijani kazakh uzbek mongolian tibetan nepali sinhala burmese khmer lao catalan basque galician
""")
# Words of titles, products, features and teams; a capitalized run that ends in one of them is no person.
THINGS = words("""
    river lake mountain mountains mount sea ocean bay island islands valley canyon desert forest falls beach coast park
    street road avenue boulevard lane drive square plaza bridge tower building castle palace station airport stadium arena
    theatre theater museum library cathedral temple university college school institute hospital bank city town county
    state states province district region republic kingdom empire union league cup series championship championships
    tournament games olympics football basketball baseball hockey soccer cricket team club united fc war wars battle
    revolution treaty act bill law code award awards prize medal house hall center centre court office department ministry
    agency company group party government army navy force forces corps police church day night week month year season
    festival parade world earth moon sun star stars planet galaxy space north south east west northern southern eastern
    western central new old great grand big little upper lower first second third one two three four five six seven eight
    nine ten red blue green black white yellow orange purple brown gold silver book books story stories song songs album
    film movie show tv television radio news times post journal magazine press review guide history theory theorem law
    effect principle equation constant method model test scale index system program project plan report data internet
    software windows office phone computer science engineering technology medicine art arts music dance opera symphony
    orchestra band records studios pictures entertainment productions channel network media games trilogy saga edition
    volume chapter part section table figure page appendix street number type class series mark version model
    tech motors airlines airways express league conference division tournament open masters prix rally derby hornets
    rams giants eagles lions tigers bears bulls hawks cowboys patriots packers steelers ravens jets dolphins browns
    bengals colts texans titans chargers raiders chiefs broncos saints buccaneers falcons panthers cardinals seahawks
    niners lakers celtics warriors knicks nets heat magic suns kings blazers jazz spurs rockets grizzlies pelicans
    mavericks nuggets thunder timberwolves pacers pistons cavaliers bucks raptors wizards hornets yankees mets dodgers
    cubs sox astros rangers athletics mariners angels padres rockies diamondbacks braves marlins nationals phillies
    pirates reds brewers twins royals guardians orioles rays islanders flyers penguins capitals canes bruins sabres
    senators leafs canadiens wild predators blackhawks avalanche stars sharks ducks knights flames oilers jets canucks
    sauce soup salad cheese bread cake pie wine beer coffee tea chicken beef pork rice pasta pizza burger sandwich
    syndrome disease virus fever infection cancer diabetes therapy vaccine protocol engine language script framework
    standard license certificate degree bachelor bachelors master masters doctorate council committee commission
    association federation organization society foundation alliance treaty agreement convention constitution amendment
    dynasty period era age century renaissance enlightenment reform movement ism breed terrier retriever shepherd hound
    spaniel poodle guitar piano violin drums bass god lord bible quran torah testament gospel heaven hell zodiac
    pro max plus mini ultra lite note air series app store play prime cloud drive maps mail watch pad pod tv
    jail prison zoo garden gardens market mall shop restaurant hotel inn resort casino railway railroad line
    highway route trail pass peak hill hills ridge plateau peninsula cape gulf strait canal harbor port reef creek
    springs parkway terrace heights village township borough metro subway terminal campus
""")
QUESTIONS = words("""
    the a an this that these those it he she they we you i his her their its our my your in on at of for from with by to
    as if when where who whom whose what which why how while during after before since because although though however and
    but or nor so yet then there here not no yes is are was were be been has have had do does did can could will would
    should may might must shall let please some any all each every both many most more few several other another such
    only also even just about over under between among through into onto upon within without against toward towards until
    once twice again still already always never often sometimes usually perhaps maybe today tomorrow yesterday now later
    soon finally first second third next last name list give tell write describe explain identify classify summarize
    find make create generate provide suggest compare according given based using use used being having unlike like
    despite instead therefore thus hence moreover furthermore additionally meanwhile otherwise overall example answer
    question step note yes ok okay oh well sure sorry p.s ps thanks thank welcome good great best new old hello hi hey dear
    mr mrs ms dr sir madam i'm i've i'd i'll it's don't can't won't isn't aren't what's that's there's let's he's she's
    we're they're you're you've you'll they've we've we'll doesn't didn't wasn't weren't couldn't wouldn't shouldn't
    call contact ask meet email e-mail send visit speak talk invite remind check pay order buy try get go come see look
    take bring keep put add set show start stop open close turn move run walk read learn teach help work play eat drink
    team customer support service manager hiring committee board all everyone everybody friends folks guys ladies
    gentlemen sirs colleagues students parents neighbors members subject date time place address phone fax website
    mother father mom dad brother sister son daughter wife husband uncle aunt grandma grandpa doctor nurse teacher
    north south east west spring summer autumn winter
""")
NOT_A_NAME = words("""
    the and of to in is it an at on or be as by we he me my so no us if up go am do our you your who how what when where
    why this that with from have has had was were will_be are not but all can't his her she they them its it's
    unnamed purl thout sayin
""")
NAMES_OF_MONTHS_AND_WILL = words("april may june august will")
# First names that are words in other languages, abbreviations or parts of longer ones.
NOT_IN_LOWER_CASE = words("""
    tre anni mir sera ora hier soir dia día mar sol luz paz amor era ano años ans mes jour dom mit der dem den das ein eine
    und bei wie was dal dai alla della sono mas mais sem uma por para con los las hat ist nie jak ale tak ten ver var bir
    http https www com org net html css api sql ans cont etc gmail yahoo email
""")
NOT_A_PLACE = words("""
    of the university man best same most deal bath reading nice split spring mobile orange normal union moon male bar
    pool march date buy sale hit lot van ho is as are an to nan can sur une sun star central independence enterprise
    commerce industry opportunity liberty freedom eagle paradise sandy young lincoln jackson madison franklin marion
    clinton monroe carson wellington kent mason allen tyler marshall gary chandler irving nelson victoria santa_claus
    bo ba wa ye yi my we he me up so god sos soto vista alma rosario santiago_de mercedes trinidad carmen marina los las
    cross brook hope home price battle sale cork of_islands college_station college police plant_city temple law progress
    summit bell hurst harvey nelson_mandela lawrence douglas stanley stone steel buffalo phoenix
""")
ASIAN_SURNAMES = words("""
    kim lee park choi jung jeong kang cho yoon jang lim han shin seo kwon hwang ahn song yoo hong jeon moon
    wang li zhang liu chen yang zhao huang zhou wu xu sun ma zhu hu guo he gao lin luo zheng liang xie tang deng xiao feng
    cao peng zeng tian dong pan yuan cai jiang yu du ye cheng wei lu ding ren shen yao cui tan fan jin shi jia hou
    nguyen nguyễn tran trần le lê pham phạm huynh huỳnh hoang hoàng phan vu vũ vo võ dang đặng bui bùi do đỗ ho hồ ngo ngô
    duong dương ly lý wong chan cheung leung ng lam lau kwok tsang yip chow fung
""")
EXTRA_FIRST_NAMES = words("""
    ahmed ahmad mohammed mohamed muhammad mohammad mehmet mustafa hassan hasan hussein husain ali omar umar khalid khaled
    abdullah abdul abdulrahman ibrahim ismail yusuf youssef yousef karim kareem rashid tariq bilal hamza samir nabil faisal
    fahad sultan salman saad majid jamal kamal nasser amir amira aisha ayesha fatima fatimah khadija maryam zainab zaynab
    noor nour leila layla yasmin yasmine samira salma huda hana rania lina dina mona nadia farah reem
    wei ming jing li na xiaoming xiaohong xiaoli yan lei jun jie hao feng ling mei lan xin yu hui qiang tao bo meilin
    minjun jihoon seoyeon jiwoo hyun soo jin young sung eun hye ji min kyung
    hiroshi takashi kenji yuki haruto sakura akira naoko yoko keiko yumi hana ren sota kenta daisuke ayumi emi
    anh linh minh nguyet phuong thao trang tuan hung dung quang thanh huong lan mai hoa duc hieu
    dmitri dmitry sergei sergey yuri vladimir aleksandr alexei alexey ekaterina yekaterina natalia natalya tatiana olga
    svetlana irina anastasia ksenia igor oleg nikolai boris mikhail pavel ivan
    arjun priya rahul anjali rohit sanjay vijay deepak sunita anita kavita pooja neha amit ravi rajesh suresh ramesh
    lakshmi krishna arun divya sneha vikram aditya rohan meera
    kwame kofi ama akosua abena yaw chidi chinedu ngozi adaeze emeka obinna oluwaseun adebayo folake temitope thandiwe
    sipho nomsa thabo lerato zanele wanjiru njeri kamau otieno achieng mwangi amara zuri
    mateo santiago sofia valentina camila lucia diego javier alejandro guillermo jorge luis juan carlos jose josé maría
    maria miguel pedro pablo rafael ricardo roberto fernando eduardo andres antonio francisco manuel joao joão thiago
    beatriz luciana gustavo felipe bruno
    liam olivia noah emma oliver charlotte amelia sophia isabella mia evelyn harper lucas henry theodore levi ethan
    aiden mason logan jayden carter wyatt owen dylan luke gabriel isaac madison chloe zoe riley nora hazel aubrey ellie
    bob tom jim joe mike dave steve bill jack sam ben dan matt nick tim tony chris alex andy greg jeff ken ron rob ted
    pete phil kate katie liz beth jen jenny sue sally jane lucy polly molly annie maggie peggy betty becky abby debbie
    deshawn jamal latoya shaniqua darnell tyrone lakisha keisha tamika ebony malik imani
""")
EXTRA_LAST_NAMES = words("""
    smith jones williams brown davis miller wilson moore taylor anderson thomas jackson white harris martin thompson
    garcia martinez robinson clark rodriguez lewis lee walker hall allen young hernandez king wright lopez hill scott
    khan ahmed hussain malik sheikh siddiqui qureshi chaudhry rahman haddad khoury nasser mansour saleh aziz farouk hamdan
    al-sayed al-rashid al-farsi al-masri al-hassan el-sayed el-masry hosseini ahmadi karimi rezaei mohammadi
    patel shah mehta desai gupta sharma verma singh kumar reddy rao nair iyer iyengar menon chopra kapoor malhotra banerjee
    mukherjee chatterjee das bose ghosh sen joshi kulkarni patil
    yamamoto tanaka suzuki sato watanabe ito nakamura kobayashi kato yoshida yamada sasaki
    ivanov petrov sidorov smirnov kuznetsov popov volkov sokolov lebedev kozlov novikov morozov ivanova petrova smirnova
    okafor okonkwo adeyemi eze nwosu balogun mensah owusu boateng asante mwangi kamau otieno ochieng njoroge dlamini nkosi
    ndlovu mkhize zulu khumalo diallo traore keita toure
    cohen levy levi katz friedman goldberg shapiro rosenberg mizrahi peretz
    papadopoulos papadakis georgiou nikolaidis yilmaz kaya demir celik sahin ozturk aydin arslan
    o'brien o'connor o'neill o'sullivan murphy kelly ryan byrne mcdonald mcgregor mccarthy macleod fitzgerald
""")

# --- what everybody knows ----------------------------------------------------------------------------------------------

# Religions, planets, gods, works, landmarks: one reads about them, and about what stands beside them.
LEARNED_THINGS = words("""
    islam christianity judaism hinduism buddhism sikhism taoism catholicism protestantism atheism marxism communism
    capitalism socialism fascism nazism stoicism confucianism shinto zen sufi sunni shia quran koran torah bible vedas
    mercury venus mars jupiter saturn uranus neptune pluto sirius andromeda orion polaris titan europa
    zeus hera apollo athena ares artemis poseidon hades hermes aphrodite dionysus odin thor loki freya osiris anubis
    vishnu shiva brahma krishna ganesha buddha allah jesus christ moses abraham satan lucifer santa cupid
    hamlet macbeth othello dracula frankenstein odyssey iliad sherlock batman superman spiderman spider-man hulk godzilla
    renaissance enlightenment reformation big_bang yoda hogwarts gandalf frodo shrek simba bambi dumbo pinocchio cinderella rapunzel snow_white harry_potter mona_lisa
    darth_vader luke_skywalker james_bond indiana_jones mickey_mouse donald_duck bugs_bunny romeo_and_juliet peter_pan
    sherlock_holmes robin_hood king_arthur robinson_crusoe don_quixote moby_dick oliver_twist tom_sawyer jane_eyre
    europe asia america antarctica oceania eurasia scandinavia atlantic pacific arctic mediterranean caribbean
    everest kilimanjaro himalayas alps andes rockies sahara amazon nile danube rhine thames mississippi ganges niagara
    waterloo stonehenge colosseum louvre kremlin pentagon broadway hollywood bollywood wimbledon eiffel
""")
# Brands, products, games, foods, units: no private name without a plain cue.
BRANDS = words("""
    python java javascript typescript ruby rust go kotlin swift scala perl php matlab julia haskell fortran cobol pascal
    html css sql json xml yaml react angular vue django flask rails spring node numpy pandas pytorch tensorflow keras
    docker kubernetes linux ubuntu debian fedora windows macos ios android chrome firefox safari edge git github gitlab
    bitbucket jira slack trello notion zoom teams skype excel word powerpoint outlook photoshop figma wordpress drupal
    apache nginx redis mongodb mysql postgresql postgres oracle sqlite kafka spark hadoop airflow tableau salesforce sap
    google facebook instagram twitter tiktok snapchat whatsapp telegram youtube netflix spotify amazon apple microsoft
    ibm intel nvidia amd samsung sony nokia lg huawei xiaomi dell hp lenovo asus acer tesla ford toyota honda nissan mazda
    subaru hyundai kia volkswagen audi bmw mercedes porsche ferrari lamborghini fiat renault peugeot volvo saab jeep
    chevrolet cadillac buick chrysler dodge lexus suzuki yamaha kawasaki harley ducati boeing airbus uber lyft airbnb ebay
    paypal visa mastercard bitcoin ethereum dogecoin alexa siri cortana chatgpt openai wikipedia reddit linkedin pinterest
    disney pixar marvel nintendo playstation xbox minecraft fortnite roblox tetris pokemon pokémon mario zelda sonic lego
    barbie ikea walmart costco starbucks mcdonald's mcdonalds coke coca-cola pepsi nike adidas puma gucci chanel prada
    rolex hermes dior versace kindle iphone ipad macbook airpods galaxy pixel wi-fi wifi bluetooth usb nasa fbi cia nato
    unesco unicef ikea adobe canva vimeo twitch discord signal etsy shopify stripe venmo zelle robinhood coinbase
    parmesan mozzarella cheddar gouda brie camembert dijon worcestershire tabasco caesar margherita bolognese carbonara
    champagne bordeaux burgundy chianti merlot chardonnay riesling pinot cabernet sauvignon bourbon tequila prosecco
    aspirin ibuprofen tylenol advil paracetamol prozac xanax viagra humira ozempic insulin parkinson alzheimer crohn
    celsius fahrenheit kelvin newton pascal joule volt ampere ohm hertz fibonacci euler boolean gaussian bayesian bayes
    yen euro dollar pound rupee yuan peso ruble franc bitcoin internet renaissance medicare medicaid obamacare brexit
    nba nfl mlb nhl fifa uefa olympics superbowl eurovision coachella monopoly scrabble jenga catan dungeons
    new_testament old_testament burj_khalifa taj_mahal java_runtime dow_jones wall_street silicon_valley
""")
KNOWN_THINGS = LEARNED_THINGS | BRANDS | words("africa earth moon sun ra")
# Figures of history, science, arts, politics, sport and screen whom everybody knows, by full name or by a last name that
# is hardly anybody else's.
FAMOUS = words("""
    einstein shakespeare beethoven mozart bach chopin tchaikovsky vivaldi verdi wagner brahms stravinsky schubert debussy
    picasso rembrandt michelangelo leonardo_da_vinci da_vinci van_gogh monet dalí dali matisse raphael botticelli
    caravaggio vermeer kandinsky klimt warhol aristotle plato socrates descartes nietzsche kant hegel confucius voltaire
    rousseau spinoza kierkegaard sartre wittgenstein machiavelli darwin newton galileo copernicus kepler tesla edison
    faraday maxwell bohr heisenberg schrödinger schrodinger feynman oppenheimer turing pasteur mendel freud jung
    pythagoras euclid archimedes fibonacci gauss euler riemann fermat ramanujan napoleon bonaparte caesar cleopatra
    alexander_the_great genghis_khan charlemagne hitler stalin lenin trotsky mussolini churchill roosevelt lincoln
    gandhi mandela martin_luther_king obama biden trump clinton bush reagan nixon kennedy eisenhower truman putin
    zelensky merkel macron thatcher blair gorbachev mao castro guevara che_guevara pol_pot saddam_hussein bin_laden
    tolstoy dostoevsky chekhov pushkin hemingway fitzgerald steinbeck faulkner twain dickens austen brontë bronte
    tolkien orwell kafka goethe schiller cervantes homer virgil dante hugo dumas verne proust camus joyce yeats wilde
    poe melville whitman dickinson rowling asimov agatha_christie stephen_king conan_doyle jane_austen
    george_washington abraham_lincoln thomas_jefferson benjamin_franklin bill_gates steve_jobs elon_musk jeff_bezos
    mark_zuckerberg warren_buffett oprah_winfrey beyoncé beyonce madonna elvis elvis_presley michael_jackson prince
    taylor_swift adele rihanna eminem drake lady_gaga bob_dylan bob_marley john_lennon paul_mccartney freddie_mercury
    david_bowie mick_jagger michael_jordan lebron_james kobe_bryant muhammad_ali serena_williams roger_federer
    rafael_nadal novak_djokovic tiger_woods lionel_messi cristiano_ronaldo pelé pele maradona usain_bolt tom_brady
    babe_ruth hitchcock spielberg tarantino scorsese kubrick chaplin walt_disney marilyn_monroe audrey_hepburn
    leonardo_dicaprio tom_hanks tom_cruise brad_pitt angelina_jolie meryl_streep morgan_freeman robert_downey
    neil_armstrong buzz_aldrin yuri_gagarin amelia_earhart marco_polo christopher_columbus columbus magellan vasco_da_gama
    marie_curie isaac_newton stephen_hawking carl_sagan nikola_tesla thomas_edison alan_turing ada_lovelace
    rosa_parks malcolm_x anne_frank joan_of_arc mother_teresa florence_nightingale helen_keller queen_elizabeth
    princess_diana nelson_mandela barack_obama michelle_obama donald_trump joe_biden hillary_clinton george_bush
    vladimir_putin angela_merkel margaret_thatcher winston_churchill dalai_lama pope_francis john_f_kennedy
    adam_smith karl_marx keynes hayek milton_friedman jfk fdr
""")

# --- tone -------------------------------------------------------------------------------------------------------------

FIRST_PERSON = words("""
    i my mine myself i'm im i've i'd i'll we our ours hi hello hey dear regards sincerely thanks mi yo ich mein meine je
    mon ma io mio mia eu meu minha ours yours tomorrow tonight yesterday today
""")
EVERYDAY = words("""
    account card email e-mail phone call appointment order invoice payment customer patient employee boss mom dad
    birthday passport salary address meeting resume apartment roommate coworker colleague landlord rent refund delivery
    transfer withdraw booking reservation contact wife husband girlfriend boyfriend yesterday tomorrow tonight lunch dinner
    prescription diagnosed insurance password username
    parcel package cheque checks bill bills clinic surgery seat ticket tickets hotel booking shift shifts payroll branch visa
    tablets allergic allergies allergy dose neighbour neighbor flat boiler fridge repair repaired plumber electrician
    phoned emailed texted called owes owe lend lent loan mortgage overdraft cheques atm pin transferred debit credit
    bank wire reimbursed expense expenses colleague colleagues manager supervisor hr hired fired resigned hiring payslip
    tax taxes lawyer attorney court witness complaint complained reported arrested police victim suspect statement
    dentist doctor nurse patient's clinic ward admitted discharged symptoms therapist babysitter daycare kid kids
    daughter son cousin niece nephew aunt uncle grandma grandpa boyfriend's dating date married divorced engaged wedding
    funeral condolences congratulations invited invite party dinner pick picked drop bring brought lunch coffee flatmate
    passenger luggage flight check-in checkin guest guests reception lease deposit landlord's moved moving parking
    package's courier tracking shipped shipping invoice invoices billing subscription receipt purchase warranty
    signature sign witnessed forwarded attached attachment cc noon friday monday tuesday wednesday thursday saturday
    sunday pm am o'clock asap hey yeah okay ok lol btw fyi asks sent send sends left door retired
    shop customers customer's clients client user username login logged logs ceo accountant secretary receptionist intern
    interview applied applying application cv vacancy salary wages bonus landlady renting rents
    unsubscribe signed sender mobile cell voicemail cardholder applicant tenant claim
    holiday holidays vacation weekend anniversary birthday grandmother grandfather fiancé fiancée ex stepdad stepmom
""")
# A short text with one of these tells of somebody, or speaks to somebody.
SPEAKING = words("he she him his her hers you your yours they me us sir madam ma'am please")
# How one speaks of countries and states: one such word is enough.
WORLD_TONE = words("""
    capital capitals currency spoken languages population largest smallest tallest longest oldest highest deepest borders continents hemisphere continent border bordering equator dynasty supreme senate congress parliament constitution
""")
ENCYCLOPEDIC_TONE = words("""
    academy africa ancient astronomer
    battle became bible biblical billboard capital cathedral centuries
         co-founded colonial comedian composer conquered
    considered continent corporation democratic directed discovered disney
     dynasty economist emperor empire encyclopedia ethnic expedition
    explorer fictional fifa films folklore footballer franchise genus god goddess gods
    governor grammy headquartered historian historical history independence
    invaded invented inventor kingdom km league legend legendary legislature
      marvel mathematician mathematics medal medieval mlb
    municipality mythology nba nfl nobel novelist olympic olympics oscar ottoman
    painter philosopher philosophy physicist physics playwright poet
    poetry population premiered quarterback reign
    republic revolution roman rugby ruled runner-up scored sculptor senator
      sitcom soundtrack soviet species starred
    superhero theorem throne treaty trilogy vocalist
    wikipedia
""")
# Half as much.
LEARNED_TONE = words("""
        awarded born century character characters
    cities countries country describes died election famous founded
    government king minister
       national player players political president prince
    published queen region researcher researchers seasons series
     states teams
    acquired artist artists bishop broadcast championship championships chart charts constitution county drummer elected episode episodes headquarters island islands lake launched movement novel novels painting paintings poem poems producer rivers scientist singer studio tale war wars album albums actor actress army baseball basketball biology biography chemistry cricket football guitarist hockey literature manufacturer mountain mountains movement musician parliament politician pope presidents province railway river sequel soccer stadium starring subsidiary territory tournament theory notable
""")
# A name before one of these, or behind it, is that of a figure one reads about.
FAMED = words("""
    developed invented discovered published directed starred founded painted composed ruled reigned conquered proposed
    formulated pioneered authored created produced sang recorded scored defeated succeeded won became served played
    wrote built designed established led popularized coined introduced proved theorized sculpted
""")
FAMING = words("""
    written_by directed_by painted_by composed_by invented_by discovered_by founded_by created_by produced_by published_by
    designed_by developed_by sung_by performed_by played_by starring by_author novel_by book_by song_by film_by movie_by
    play_by poem_by album_by works_of life_of biography_of death_of reign_of who_is who_was about is_actor invaded_by
    ruled_by led_by won_by actor actress singer author philosopher president poet composer physicist mathematician
    scientist rapper comedian director novelist inventor politician economist known_as pianist violinist cellist guitarist
    drummer bassist vocalist songwriter musician producer filmmaker screenwriter playwright sculptor painter artist
    architect historian biologist chemist astronomer astronaut explorer psychologist theologian journalist columnist
    quarterback pitcher striker midfielder goalkeeper footballer golfer boxer wrestler swimmer sprinter cyclist skater
    player coach champion emperor king queen prince princess pope saint general admiral governor senator minister
    entrepreneur billionaire tycoon industrialist revolutionary activist leader dictator character protagonist villain
    hero superhero wizard detective legend legendary icon writer writers authors directors actors singers players like
    including featuring starring stars such_as named whose
""")

# --- all together -----------------------------------------------------------------------------------------------------


def last_words(*phrases: frozenset[str]) -> frozenset[str]:
    """The last word of each phrase of the sets."""
    return frozenset(phrase.rsplit(" ", 1)[-1] for group in phrases for phrase in group)


# With one of these before it, a name may be private even in an encyclopedic passage.
INTRODUCING = last_words(CLOSINGS, KIN, GREETINGS, TITLES, NAMING) - QUESTIONS

# English words that are also somebody's name: no name in lower case, and two of them together are none either.
AMBIGUOUS = words(read("ambiguous.txt"))
# Words that old books do not have.
MODERN = words("""
    internet online website websites email emails inbox software hardware laptop laptops desktop keyboard browser router
    modem database dataset algorithm backup update updates updated login logout username password dashboard settings user
    users vendor vendors supplier suppliers client clients invoice checkout refund subscription premium deadline feedback
    workflow startup podcast blog vlog video videos app apps smartphone tablet gadget robot robots drone scooter bike bikes
    sedan minivan gasoline diesel hybrid airline airport visa backpack vaccine antibiotics allergy calorie calories protein
    vitamin vegan vegetarian gluten pasta pizza burger smoothie yogurt muffin pancake pancakes cookie cookies avocado
    cilantro oregano thyme basil tarragon cucumber carrot spinach tomatoes shrimp nutmeg teaspoon tablespoon microwave
    freezer dishwasher vacuum thermostat plumbing apartment rental lease mortgage investor investors equity dividend budget
    fiscal federal referendum parliament immigrant hurricane earthquake pollution recycling ecosystem biodiversity fossil
    carbon dioxide chlorophyll molecule molecules proton electron neutron genome enzyme enzymes neuron equation equations
    integer boolean variable variables function functions parameter parameters matrix vector tensor pixel pixels font fonts
    hockey tennis golf pickleball yoga pilates hobby hobbies hiking camping
    tutorial webinar workshop intern internship resume recruiter freelancer consultant executive manager analyst analysts
    customer consumers taxpayer lawsuit attorney paralegal medication therapist diagnosis diabetes symptom symptoms
    tofu tempeh quinoa couscous kale arugula zucchini eggplant broccoli cauliflower asparagus celery cabbage lettuce radish
    turnip beetroot parsnip artichoke okra lentils lentil chickpea chickpeas edamame soybean soybeans tahini pesto risotto
    lasagna ravioli gnocchi prosciutto salami pepperoni chorizo bacon sausage tuna salmon shrimp prawns lobster oyster
    mozzarella feta ricotta halloumi paneer biryani naan chutney masala samosa kimchi tempura teriyaki wasabi miso sashimi
    falafel kebab shawarma baklava croissant baguette brioche waffle waffles granola oatmeal porridge omelet omelette
    cinnamon turmeric cumin paprika saffron cardamom fennel parsley dill marjoram chives vanilla almonds cashews pistachio
    walnuts pecans hazelnuts mango papaya kiwi pineapple coconut blueberry blueberries raspberry strawberries blackberry
    cranberry grapefruit pomegranate nectarine nectarines plums apricots watermelon cantaloupe vodka whiskey tequila rum
    gin espresso latte cappuccino kombucha cocktail mocktail margarita mojito martini
    casein whey collagen gelatin keratin creatine cholesterol glucose fructose sucrose lactose gluten caffeine nicotine
    melatonin serotonin dopamine cortisol adrenaline estrogen testosterone antioxidant antioxidants probiotics electrolytes
    titanium graphite graphene lithium uranium plutonium aluminum aluminium chromium zinc nickel cobalt tungsten silicon
    silicone polyester nylon acrylic polymer kevlar styrofoam ethanol methane propane helium neon argon potassium calcium
    magnesium sodium chloride sulfate nitrate ammonia
    celiac monkeypox malaria measles mumps polio tetanus rabies influenza pneumonia bronchitis asthma eczema psoriasis
    arthritis osteoporosis anemia leukemia melanoma lymphoma dementia autism adhd insomnia anxiety migraine covid covid-19
    sunscreen sunglasses deodorant shampoo conditioner moisturizer toothpaste flashlight backpacks sneakers hoodie leggings
    payload tanker torque chassis turbocharger carburetor transmission odometer dashboard minivan pickup forklift trailer
    triathlon biathlon decathlon marathon gymnastics badminton volleyball lacrosse softball snowboarding skateboarding
    kayaking snorkeling parkour karate judo taekwondo jiu-jitsu kickboxing crossfit zumba sudoku solitaire backgammon
    mahjong charades hopscotch trivia bingo karaoke ukulele banjo accordion xylophone marimba saxophone clarinet trombone
    tuba harmonica bagpipes percussion synthesizer
    mangrove mangroves succulent succulents hydrangea hydrangeas orchid orchids tulip tulips daffodil daffodils lavender
    eucalyptus bamboo cactus fern ferns moss algae fungi bacteria plankton jellyfish octopus squid dolphin dolphins walrus
    penguin penguins giraffe hippopotamus rhinoceros kangaroo koala wombat platypus armadillo chimpanzee gorilla orangutan
    lemur meerkat hedgehog raccoon skunk chipmunk hamster gerbil iguana gecko chameleon tortoise cheetah leopard jaguar
    dinosaur dinosaurs tyrannosaurus triceratops labrador poodle chihuahua dachshund rottweiler bulldog beagle corgi
    aquaculture fisheries agriculture horticulture forestry artisanal download downloads upload uploads unsubscribe
    gatekeeper gatekeepers melee dungeon multiplayer gameplay sequel prequel spinoff anime manga podcast podcasts mashed
    hashbrowns fries pretzels popcorn marshmallow marshmallows caramel fudge toffee licorice brownie brownies cupcake
    cupcakes cheesecake tiramisu meringue macaron macarons doughnut doughnuts donut donuts
    sandwich sushi ramen noodles dumplings taco tacos burrito nachos guacamole hummus aioli mayo ketchup mustard
""")
ENGLISH = words(read("english.txt")) | MODERN
