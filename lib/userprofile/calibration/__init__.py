"""From what a head says to what comes true: fitted on the validation split, applied at scoring."""
