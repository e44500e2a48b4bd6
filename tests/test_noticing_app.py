"""Notices are kept, and only few of them lie over the screen at once."""

from tinygpt_tui.tui.noticing_app import NoticingApp


def shown(app: NoticingApp) -> list[str]:
    return [notice.message for notice in app._notifications]


async def test_of_many_notices_three_are_shown_and_all_are_kept() -> None:
    app = NoticingApp()
    async with app.run_test() as pilot:
        for place in range(6):
            app.notify(f"the log was torn at {place}", severity="warning")
        app.notify("it cannot be written", severity="error")
        await pilot.pause()
        assert shown(app) == [*(f"the log was torn at {place}" for place in range(3)), "it cannot be written"]
        assert len(app.notices) == 7


async def test_the_same_words_are_not_shown_twice_at_once() -> None:
    app = NoticingApp()
    async with app.run_test() as pilot:
        app.notify("pin it first")
        app.notify("pin it first")
        await pilot.pause()
        assert shown(app) == ["pin it first"]
        app.notify("gone at once", timeout=0.0)
        app.notify("gone at once", timeout=0.0)
        assert [notice.words for notice in app.notices].count("gone at once") == 2
