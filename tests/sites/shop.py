"""A shop: search, open a product, choose colour and quantity, put it into the cart, check out."""

from __future__ import annotations

from random import Random

from tests.sites import words
from tests.sites.base import Deed, Redirect, Session, Site, Variation, links, options, shuffled, text, worded

RESULTS = 5

_FRAMES = (
    (
        "Search for {product} and put {quantity} of it in {colour} into the cart. Check out to {name} in {city} with "
        "{delivery} delivery.",
        'Buy {quantity} "{product}", colour {colour}. Ship them by {delivery} delivery to {name}, city {city}.',
        "Find the {product}, choose colour {colour} and quantity {quantity}, add it to the cart and check out; "
        "name {name}, city {city}, delivery {delivery}.",
        'Order for {name} in "{city}", delivery "{delivery}": {quantity} times the {product} in {colour}.',
    ),
    (
        "Please get {name} from {city} the {product}, quantity {quantity}, in {colour}, with {delivery} delivery.",
        'Look up "{product}", take {quantity} in "{colour}", and have them sent to {name} in {city} by {delivery} '
        "delivery.",
        "I need {quantity} of the {product} in {colour}. Delivery is {delivery}; name {name}; city {city}.",
    ),
)
_DELIVERIES = (("Standard", "Express", "Courier", "Pickup"), ("Economy", "Overnight", "Locker", "Drone"))
_MENU = ("Home", "New", "Sale", "Cart", "Account")
_FIELDS = ("name", "city", "delivery")


class Shop(Site):
    name = "shop"

    def variation(self, seed: int, held_out: bool) -> Variation:
        random = Random(f"shop {held_out} {seed}")
        materials = words.half(words.MATERIALS, held_out)
        goods = words.half(words.GOODS, held_out)
        material, good = random.choice(materials), random.choice(goods)
        product = f"{material} {good}"
        # What a search for it brings up besides shares a word with it.
        alike = [f"{other} {good}" for other in materials if other != material]
        alike += [f"{material} {other}" for other in goods if other != good]
        found = [product, *random.sample(alike, RESULTS - 1)]
        colours = random.sample(words.half(words.COLOURS, held_out), 5)
        deliveries = random.sample(_DELIVERIES[held_out], 3)
        values = {
            "product": product,
            "colour": random.choice(colours[1:]),
            "quantity": str(random.randrange(2 + held_out, 60, 2)),
            "name": words.person(random, held_out),
            "city": random.choice(words.half(words.CITIES, held_out)),
            "delivery": random.choice(deliveries[1:]),
        }
        shown = {
            "found": shuffled(random, found),
            "colours": colours,
            "deliveries": deliveries,
            "order": shuffled(random, _FIELDS),
            "menu": shuffled(random, _MENU),
            "prices": {name: random.randrange(500, 9000) / 100 for name in found},
            "offers": random.sample(alike, 3),
            "swapped": random.random() < 0.5,
        }
        return Variation(seed, held_out, worded(random, held_out, _FRAMES, **values), values, shown)

    def page(self, session: Session, path: str, form: dict[str, str], posted: bool) -> str | Redirect:
        shown, state = session.variation.shown, session.state
        if path == "add" and posted:
            state.setdefault("cart", []).append(form)
            return Redirect("cart")
        if path == "order" and posted:
            state.setdefault("orders", []).append((state.pop("cart", []), form))
            return Redirect("thanks")
        pages = {"search": _search, "cart": _cart, "checkout": _checkout}
        if path in pages:
            body = pages[path](session, form)
        elif path == "thanks":
            body = "<h1>Thank you</h1><p>Your order has been placed.</p><a href='home'>Go on shopping</a>"
        elif path.startswith("product-"):
            body = _product(session, shown["found"][int(path[8:])])
        else:
            offers = "".join(f"<li><a href='sale'>{text(name.capitalize())}</a></li>" for name in shown["offers"])
            body = f"<h1>Welcome</h1><h2>Offers</h2><ul>{offers}</ul>"
        field = "<input id=query name=q placeholder='Search the shop'>"
        bar = f"<form action=search>{field}<button id=go>Search</button></form>"
        menu = f"<nav>{links(shown['menu'])}</nav>"
        return (menu + bar if shown["swapped"] else bar + menu) + body

    def deeds(self, variation: Variation) -> list[Deed]:
        values = variation.values
        number = variation.shown["found"].index(values["product"])
        deeds = [
            Deed("type", "#query", values["product"]),
            Deed("click", "#go"),
            Deed("click", f"a[href='product-{number}']"),
            Deed("choose", "#colour", values["colour"]),
            Deed("type", "#quantity", values["quantity"]),
            Deed("click", "#add"),
            Deed("click", "#checkout"),
        ]
        for name in variation.shown["order"]:
            if name == "delivery":
                deeds.append(Deed("click", f"input[value='{values[name]}']"))
            else:
                deeds.append(Deed("type", f"#{name}", values[name]))
        return [*deeds, Deed("click", "#place")]

    def solved(self, session: Session) -> bool:
        values = session.variation.values
        item = {name: values[name] for name in ("product", "colour", "quantity")}
        address = {name: values[name] for name in _FIELDS}
        return session.state.get("orders") == [([item], address)] and not session.state.get("cart")


def _search(session: Session, form: dict[str, str]) -> str:
    shown = session.variation.shown
    asked = {*form.get("q", "").lower().split()}
    items = "".join(
        f"<li><a href='product-{number}'>{text(name.capitalize())}</a> <span>${shown['prices'][name]:.2f}</span></li>"
        for number, name in enumerate(shown["found"])
        if asked & {*name.split()}
    )
    return f"<h1>Results</h1><ul class=results>{items}</ul>" if items else "<h1>Results</h1><p>Nothing was found."


def _product(session: Session, name: str) -> str:
    shown = session.variation.shown
    return (
        f"<h1>{text(name.capitalize())}</h1><p>${shown['prices'][name]:.2f}</p><form method=post action=add>"
        f"<input type=hidden name=product value='{text(name)}'>"
        f"<label for=colour>Colour</label> <select id=colour name=colour>{options(shown['colours'], '')}</select><br>"
        "<label for=quantity>Quantity</label> <input id=quantity name=quantity type=number value=1><br>"
        "<button id=add>Add to cart</button> <a href='sale'>Compare</a> <a href='new'>Reviews</a></form>"
    )


def _cart(session: Session, form: dict[str, str]) -> str:
    cart = session.state.get("cart", [])
    if not cart:
        return "<h1>Cart</h1><p>Your cart is empty."
    items = "".join(
        f"<li>{text(item['quantity'])} x {text(item['product'].capitalize())}, {text(item['colour'])}</li>"
        for item in cart
    )
    return (
        f"<h1>Cart</h1><ul>{items}</ul><a href='home'>Go on shopping</a> "
        "<form action=checkout><button id=checkout>Check out</button></form>"
    )


def _checkout(session: Session, form: dict[str, str]) -> str:
    shown = session.variation.shown
    rows = {
        "name": "<label for=name>Name</label> <input id=name name=name>",
        "city": "<label for=city>City</label> <input id=city name=city>",
        "delivery": "Delivery: "
        + "".join(f"<label><input type=radio name=delivery value='{v}'> {v}</label> " for v in shown["deliveries"]),
    }
    body = "".join(f"<p>{rows[name]}</p>" for name in shown["order"])
    return f"<h1>Check out</h1><form method=post action=order>{body}<button id=place>Place order</button></form>"
