"""The types of request, one module each; see base.py for what a type is and registry.py for how it is found."""
