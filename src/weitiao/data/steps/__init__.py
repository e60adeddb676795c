"""Steps (resampling, augmentation): training rows in, training rows out, any number."""
