"""`python -m research.benchmark.new_users` compares two fits on the same test rows."""

import pytest

from research.benchmark import new_users


def test_both_models_are_measured_on_the_same_rows(monkeypatch, capsys):
    seen = []

    class Model:
        def fit(self, train):
            self.train = train
            return self

    def measure(model, split):
        seen.append((model.train, split))
        return type("Found", (), {"metrics": dict.fromkeys(new_users.COLUMNS, 0.5)})

    monkeypatch.setattr(new_users, "Conv4Rec", lambda **_: Model())
    monkeypatch.setattr(new_users, "evaluate_model", measure)
    assert new_users.main(["movielens-2016"]) == 0
    (without, first), (with_given, second) = seen
    assert first.test is second.test
    assert len(with_given) == len(without) + len(first.given)
    assert capsys.readouterr().out.splitlines()[1].split() == ["without", *["0.5000"] * 4]


@pytest.mark.parametrize(
    ("words", "sentence"), [([], "name one data set"), (["no"], "data set 'no'")]
)
def test_mistakes_are_one_sentence(words, sentence, capsys):
    assert new_users.main(words) == 2
    assert sentence in capsys.readouterr().err
