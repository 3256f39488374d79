"""What people write: amounts with units, values, sizes of images, names; read in one way for every option and file."""
