"""The words that benchmarks/medspacy_reader.py gives to medspaCy beside its own."""

ADDED_TITLES = {
    "history_of_present_illness": (
        "(?:history of )?(?:the )?(?:present(?:ing)?|current) (?:illness|complaint|episode|"
        "history|problem|symptoms?)|(?:cc|pc)/?(?:hpi|hpc)|hpi|hpc|hopi|interval history|"
        "reason (?:for|of) (?:admission|consult(?:ation)?|visit|referral) (?:and|/) (?:hpi|"
        "history)|(?:indication|story)(?: (?:and|/) (?:story|present illness))?|how this began|"
        "history of the present (?:illness|episode)|presenting history|wound history|"
        "brief (?:hpi|history)|indication / present illness|circumstances of admission|"
        "events leading here(?: / hpi)?|s/hpi|s|hx of pc|hopc|what happened|"
        r"history of admission|how did it start|reason for care / recent history|"
        "course of illness|presenting complaint and history|what brought (?:her|him) in|"
        "pre-op course|history of the present illness"
    ),
    "weak_history": ("history|anamnesis|clinical history|narrative|summary of events"),
    "past_medical_history": (
        "(?:past|previous|prior|other|relevant)?[ ]?(?:medical|surgical|psychiatric|"
        "medical[ /&]+surgical|surgical[ /&+]+an(?:a)?esthetic|psychiatric and medical)"
        " (?:history|hx|background|problems|conditions)|"
        "past (?:history|hx|illness(?:es)?|problems)|p(?:m|s)hx?|pmh/psh|pmhx?/pshx?|"
        "history of (?:past illness|procedures)|previous (?:history|illnesses|operations)|"
        "operations|background|co-?morbidities|medical background|other conditions|"
        "chronic conditions|surgeries|past operations|(?:problem list/)?past medical history|"
        "procedure/surgical history|antecedents|bg|background health|pmhx / surg|psh|"
        r"known problems|past medical / psychiatric|illnesses and operations so far|"
        "comorbid conditions|other health problems|surg hx|previous illnesses"
    ),
    "weak_problems": ("(?:active )?problem list|(?:medical |active )?problems|diagnoses"),
    "allergies": (
        "(?:known |drug |medication |food )*allerg(?:y|ies)(?: ?(?:/|and|&|,|or)"
        " ?(?:adverse (?:drug )?reactions?|intolerances?|sensitivities|adrs?|reactions|alerts))"
        r"*(?: (?:history|status|list|review))?(?: (?:as of [\d/]+|active))?|"
        "allergies (?:&|and) intolerances|all|nkda|adrs?|"
        "adverse (?:drug )?(?:reactions?|events)|allergic reactions|"
        "(?:drug )?(?:reactions|sensitivities|intolerances)|"
        "drug (?:& |and )?(?:other )?sensitivities|allergies, adverse reactions, alerts|"
        "allergy/adr(?: review)?|allergies and (?:sensitivities|intolerances)|"
        r"allergy(?: information)?|allergic to|known intolerances|anything you react to"
    ),
    "medications": (
        "(?:home|current|outpatient|regular|usual|admission|active|active outpatient|"
        "preadmission|pre-admission|prior to admission|maintenance|non-va|chronic|prior|"
        "patient's|own|daily|the)* ?(?:medications|meds|medicines|drugs|prescriptions|regimen|"
        "rx|treatment|drug therapy|medication list)(?: (?:on admission|at home|"
        "prior to admission|pta|at admission|before admission|and otcs?|at the nursing home|"
        "list|on arrival|history|as reported|taken at home))*|dhx?|drug (?:history|hx)|"
        "outpatient prescriptions and otcs|takes at home|current medication|"
        "what (?:he|she) takes|current regimen|best possible medication history|"
        "medication history|pta meds|bpmh|what she was taking at home|"
        "pill bottles from daughter = home meds|rx at home|pre-admission drugs|"
        "meds before coming in|home medication|prescribed and other medicines|outpatient drugs|"
        r"regular medicines|medications found in home, bottles checked one by one|"
        "medications coming in|treatment before admission|"
        "current home medications, per the facility mar|active non-va medications"
    ),
    "discharge_medications": (
        "(?:hospital )?discharge (?:medications?|meds|medicines|drugs|rx|prescriptions?)|"
        "(?:home )?(?:medications?|meds|medicines) (?:on|at|upon|@|for) (?:discharge|d/c|"
        "transfer)|meds @ d/c|d/c meds|drugs on leaving (?:the )?hospital|tto|ttas?|"
        "going home (?:with|on)|going back on|advice on discharge|"
        "(?:home )?medications upon discharge|to take home|medicines on leaving|"
        "meds on transfer|scheduled on transfer|discharge medication reconciliation|"
        "medicines to take home|medication at discharge|medications to continue at home|"
        r"new prescriptions|tto(?: \(28 days supplied\))?"
    ),
    "family_history": (
        "family(?: (?:history|hx|and social|medical history))?|fhx?|relatives|"
        r"family trouble with an(?:a)?esthetics|family and social|fam"
    ),
    "social_history": (
        "(?:personal[ /]*)?(?:and )?social(?: (?:history|hx))?|shx?|habits|lives with|"
        r"smoking, alcohol, other|other substances"
    ),
    "other": (
        "(?:brief |summary of )?(?:hospital|hosp|clinical|icu|ward) course(?: by (?:problem|"
        "issue))?|course(?: in (?:the )?(?:hospital|wards?))?|interval events|"
        "(?:physical |general )?exam(?:ination|s)?|on exam(?:ination)?|"
        "physical (?:findings|exam(?:ination)?)|o/e|p/?e(?: on admission)?|vitals?(?: signs)?|"
        "obs|imp(?:ression)?(?: and (?:plan|orders|recommendations))?|"
        "assessment(?: (?:and|&|/) ?plan)?|a/p|a&p|plan(?: (?:of care|for day))?|"
        "recommendations?(?: to team)?|discussion|formulation and plan|"
        "conclusion(?: and course)?|labs?(?: data)?|laboratory(?: (?:data|results))?|data|"
        "medical data|investigations?|additional investigation|ix|imaging|studies|results|ros|"
        "review of systems|dispo(?:sition)?|follow[ -]?up|f/u|review|condition at discharge|"
        "code status|mental status|immuni[sz]ations|birth history|developmental history|"
        "informants?|chief complaint|cc|pc|presenting complaint|"
        "reason (?:for|of) (?:visit|admission|consultation)|"
        "(?:current )?(?:inpatient|inpt) (?:medications?|meds|orders)(?: so far)?|progress|"
        "medications (?:administered|stopped(?: or held)?|held|given)|stop(?:ped)?|"
        "held(?: / stopped)?|"
        "(?:principal|primary|admitting|discharge|admission|final) diagnos[ie]s|dx|"
        "concerns|control|next|done today|function and diet|on outside list but not taking|"
        "occupational history|sh?ocial|plan of treatment|counselling|course in the hospital|"
        "plans|icu course by problem|while here|goals|inpatient (?:drugs|meds)|"
        "medications given in the ed|findings on admission|on arrival|please(?: stop giving)?|"
        "instructions|what we found|wound/activity|or / icu|for the gp please|o|p|a|presenting|"
        "vitals|diagnoses"
    ),
}
ALLERGENS = (
    "latex|peanut|peanuts|nuts|tree nuts|hazelnut|hazelnuts|walnut|walnuts|almonds|cashews|sesame|"
    "shellfish|shrimp|shrimps|prawn|prawns|crab|lobster|seafood|fish|egg|eggs|milk|dairy|"
    "lactose|soy|"
    "soya|wheat|gluten|strawberries|tomato|tomatoes|kiwi|kiwifruit|banana|bananas|"
    "avocado|pineapple|"
    "mango|citrus|bee|bees|bee sting|bee stings|bee venom|wasp|wasps|wasp stings|contrast|"
    "contrast dye|iv contrast|iv dye|iodinated contrast|iodine contrast|contrast media|iodine|"
    "adhesive|adhesive tape|surgical tape|paper tape|silk tape|tape|plasters|elastoplast|"
    "nickel|pollen|"
    "grass|ragweed|dust|dust mites|mold|mould|cats|cat dander|dogs|chlorhexidine|red wine|sulfites"
).split("|")
SUPPLEMENTS = (
    "fish oil|omega-3|multivitamin|multivitamins|mvi|vitamin b12|b12|vitamin c|vitamin d|"
    "vitamin d3|"
    "vitamin e|vitamin b complex|glucosamine|glucosamine-chondroitin|glucosamine with chondroitin|"
    "melatonin|probiotic|zinc|turmeric|ginkgo|coq10|calcium|psyllium|cranberry|echinacea|biotin"
).split("|")
CLASSES = (
    "sulfa|sulfa drugs|sulfa antibiotics|penicillin|pen|sulpha|sulfonamides|sulfonamide|"
    "penicillins|pcn|cephalosporins|carbapenems|"
    "nsaids|nsaid|opioids|opiates|ace inhibitors|ace inhibitor|acei|macrolides|quinolones|"
    "fluoroquinolones|tetracyclines|aminoglycosides|statins|statin|heparins|local anaesthetics"
).split("|")
CONTEXT = {  # category and direction: words, and how many tokens they reach
    ("ALLERGY", "FORWARD", 10): (
        "allergic to|allergy to|allergies to|hypersensitivity to|anaphylaxis to|anaphylactic to|"
        "intolerant of|intolerant to|intolerance to|intolerance of|reaction to|reacts to|"
        "reacted to|"
        "cannot take|can't take|cannot tolerate|can't tolerate|could not tolerate|"
        "couldn't tolerate|did not tolerate|does not tolerate|unable to tolerate|rash with|"
        "rash from|"
        "rash to|rash after|rash on|hives with|hives from|hives to|hives after|swelling with|"
        "swelling from|swelling after|itching with|vomiting with|cough with|cough from|myalgias on|"
        "side effects from|side effect of|not tolerating"
    ),
    ("ALLERGY", "BACKWARD", 20): (
        "allergy|allergies|intolerance|not tolerated|wasn't tolerated|poorly tolerated|anaphylaxis|"
        "angioedema|caused hives|caused a rash|caused rash|gave him hives|gave her hives|"
        "must not be given again|not to be given again|never again|made her sick|made him sick|"
        "brings it straight back up|never been able to tolerate|swelled|became flushed|"
        "makes her see things|lip swelling"
    ),
    ("NEGATED_EXISTENCE", "FORWARD", 8): (
        "tolerates|tolerating|no allergy to|denies allergy to|no allergies to|"
        "not allergic to|no known|nkda"
    ),
    ("NEGATED_EXISTENCE", "BIDIRECTIONAL", 4): "is tolerated|are tolerated|tolerated",
    ("NEGATED_EXISTENCE", "BACKWARD", 8): (
        "ok|okay|fine|without difficulty|without trouble|without problems|with no trouble"
    ),
    ("NEGATED_EXISTENCE", "FORWARD", 4): "nil",
    ("NEGATED_EXISTENCE", "TERMINATE", 99): "except|except for|other than|however",
    ("FAMILY", "PSEUDO", 1): "family doctor|family physician|family medicine",
    ("STOPPED", "FORWARD", 6): (
        "stopped taking|previously on|formerly on|used to take|was on|no longer takes|no longer on|"
        "no longer taking|came off|off|not taking|past use of|tried|failed"
    ),
    ("STOPPED", "BACKWARD", 8): (
        "stopped|was stopped|discontinued|d/c'd|dc'd|withdrawn|finished|completed|given up|ended|"
        "dropped|no longer|replaced by|was switched|off since|gave up|until last|ceased"
    ),
    ("TAKES", "FORWARD", 30): (
        "takes|taking|has been taking|is on|remains on|uses|using|has used|he is on|she is on|"
        "helping himself to|helping herself to|took|maintained on|continues on|now on|"
        "has been swallowing|self-medicating with|home|doubled his|doubled her|ran out of|"
        "been putting|has taken|put her on|put him on|also has|still takes|gets|over the counter"
    ),
}
