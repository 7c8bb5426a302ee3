"""Why a score is what it is: attributions of models, grouped to what people know, and put in words."""
