"""The words by which notes tell of reactions, and what is said beside them in an allergy list."""

import re

REACTION_WORDS = frozenset(
    "rash rashes hives urticaria itching itch itchy pruritus anaphylaxis anaphylactic "
    "anaphylactoid "
    "shock angioedema angiooedema swelling swollen nausea vomiting n/v gi upset stomach diarrhea "
    "diarrhoea cough sob shortness breath wheeze wheezing bronchospasm dyspnea dyspnoea headache "
    "headaches dizziness dizzy myalgia myalgias cramps cramping confusion hallucinations sedation "
    "drowsiness unknown childhood infancy child tongue lip lips throat facial face stevens-johnson "
    "sjs dress agranulocytosis thrombocytopenia bleeding hypotension tachycardia palpitations "
    "flushing red man syndrome renal failure aki severe mild moderate low high reaction reactions "
    "side effect effects delirium agitation constipation bradycardia hyperkalemia hyperkalaemia "
    "hyponatremia tremor sweats sweating fever blisters blistering peeling contact dermatitis "
    "local erythema redness irritation collapse intubated intubation epipen steroids resolved "
    "benadryl hepatitis jaundice pancreatitis neutropenia seizure seizures dystonia dystonic lock "
    "jaw lockjaw ulcer gastritis heartburn dyspepsia edema oedema ankle insomnia nightmares "
    "sleepy fatigue weakness pain muscle pains aches tingling numbness metallic taste dry mouth "
    "eyes watery sneezing rhinitis runny nose congestion asthma hospitalized required ago years "
    "year last time date noted severity criticality agent type comment baby boy girl nature said "
    "allergen allergens substance status active "
    "verified comment comments reviewed source type drug food environmental class medication n v d "
    "not specified documented other none see below above list chart family verbalized today "
    "updated confirmed generalized generalised diffuse whole body skin the and of with a to in "
    "on no doc mouth oral hospital ed er itchiness maculopapular lightheaded lightheadedness "
    "syncope epigastric distress bronchospasms laryngeal airway closing closes closed lips/face "
    "hyperactivity jittery anxiety sensitivity intolerance allergy details record entered by "
    "nurse pharmacist physician arrest cardiac respiratory depression".split()
)
_IS_YEAR = re.compile(r"[\W\d]*$")
_AROUND = " .,;:()/\"'-"


def is_reaction(words: str) -> bool:
    """Whether these words are a reaction or a remark alone, and no substance."""
    named = words.lower().split()
    return all(word.strip(_AROUND) in REACTION_WORDS or _IS_YEAR.match(word) for word in named)


def tells_reaction(words: str) -> bool:
    """Whether one of the words tells of a reaction."""
    told = {word.strip(_AROUND) for word in words.lower().split()}
    return any(len(word) > 3 for word in (told & REACTION_WORDS) - {"with", "side"})
