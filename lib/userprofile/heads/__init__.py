"""What a profile predicts, each head in one module: its label, network, calibration, ladder, measures and columns."""
