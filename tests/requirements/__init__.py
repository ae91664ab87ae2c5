"""What genba must do, and which tests show it.

A test says by its marker what it shows: `@pytest.mark.requirement("R22")`. Where it shows a part only, it says which
part: `requirement("R23", part="the count of a camera")`. `docs/requirements.md` is written from the markers
(`make requirements`), and a run of the suite fails where a test that the page names was not run.
"""
