"""Looking over a deployment from outside, as the EHR that is going to call it sees it."""
