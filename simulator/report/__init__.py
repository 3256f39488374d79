"""What a person reads: tables now; charts and pages have their place here too."""
