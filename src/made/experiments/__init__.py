"""The main job and the seed's experiments: a model is built for a data set, trained, scored and pictured."""
