"""What visitors' pages say, in each language."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.registry.desk.languages import Language


class Texts(NamedTuple):
    """All texts of a visitor's page."""

    title: str
    charging: str
    nearly: str
    """From 80 %."""
    ready: str
    unknown: str
    """Nothing was heard of this phone yet."""
    to_80: str
    """With ``{earliest}`` and ``{latest}``, in minutes."""
    to_100: str
    no_estimate: str
    gone: str
    gone_why: str
    too_often: str
    away: str
    later: str


TEXTS: Final[Mapping[Language, Texts]] = {
    Language.ENGLISH: Texts(
        title="Your phone",
        charging="Charging",
        nearly="Nearly ready: 80 % or more",
        ready="Ready: you can collect your phone",
        unknown="Nothing is known yet",
        to_80="80 % in about {earliest} to {latest} minutes",
        to_100="Full in about {earliest} to {latest} minutes",
        no_estimate="It cannot be said yet when it will be ready.",
        gone="There is nothing here",
        gone_why="The phone was collected, or the address is not complete.",
        too_often="Too many requests",
        away="It cannot be said right now",
        later="Try again in a minute.",
    ),
    Language.GERMAN: Texts(
        title="Dein Handy",
        charging="Lädt",
        nearly="Fast fertig: 80 % oder mehr",
        ready="Fertig: Du kannst dein Handy abholen",
        unknown="Noch ist nichts bekannt",
        to_80="80 % in etwa {earliest} bis {latest} Minuten",
        to_100="Voll in etwa {earliest} bis {latest} Minuten",
        no_estimate="Wann es fertig ist, lässt sich noch nicht sagen.",
        gone="Hier ist nichts",
        gone_why="Das Handy wurde abgeholt, oder die Adresse ist nicht vollständig.",
        too_often="Zu viele Anfragen",
        away="Das lässt sich gerade nicht sagen",
        later="Versuche es in einer Minute noch einmal.",
    ),
    Language.SPANISH: Texts(
        title="Tu móvil",
        charging="Cargando",
        nearly="Casi listo: 80 % o más",
        ready="Listo: puedes recoger tu móvil",
        unknown="Aún no se sabe nada",
        to_80="80 % en unos {earliest} a {latest} minutos",
        to_100="Cargado del todo en unos {earliest} a {latest} minutos",
        no_estimate="Todavía no se puede decir cuándo estará listo.",
        gone="Aquí no hay nada",
        gone_why="El móvil ya se ha recogido, o la dirección no está completa.",
        too_often="Demasiadas consultas",
        away="Ahora mismo no se puede decir",
        later="Inténtalo de nuevo en un minuto.",
    ),
    Language.FRENCH: Texts(
        title="Votre téléphone",
        charging="En charge",
        nearly="Presque prêt\u00a0: 80\u00a0% ou plus",
        ready="Prêt\u00a0: vous pouvez récupérer votre téléphone",
        unknown="On ne sait encore rien",
        to_80="80\u00a0% dans {earliest} à {latest} minutes environ",
        to_100="Plein dans {earliest} à {latest} minutes environ",
        no_estimate="On ne peut pas encore dire quand il sera prêt.",
        gone="Il n'y a rien ici",
        gone_why="Le téléphone a été récupéré, ou l'adresse n'est pas complète.",
        too_often="Trop de demandes",
        away="On ne peut pas le dire pour le moment",
        later="Réessayez dans une minute.",
    ),
}
