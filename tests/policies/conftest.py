import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Networks as small as the tests' lose time to threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
