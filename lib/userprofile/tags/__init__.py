"""Words about users that people define in a file: what each says, when it holds, whose it is, and what it foretells."""
