"""What a chip costs: silicon area, money, power and energy, with the range in which the truth should lie."""
