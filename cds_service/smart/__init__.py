"""The evidence app: what a card rests on, opened from the EHR (SMART App Launch 2).

card's link -> EHR -> /smart/launch -> its authorization server -> /smart/callback
            -> /smart/evidence/...: one decision about one patient, for half an hour
"""
