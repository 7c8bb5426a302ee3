"""Which features are worth having: what each tells of the label, and which tell the same. Pure, no I/O."""
