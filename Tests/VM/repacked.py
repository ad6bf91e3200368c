def upgraded(folder, destination, suffix):
    raise NotImplementedError
