import hypothesis

hypothesis.settings.register_profile("webagent", deadline=None, derandomize=True)  # no test depends on time or luck
hypothesis.settings.load_profile("webagent")
