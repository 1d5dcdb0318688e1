"""The headings of rosters: how course systems name their columns, in several languages."""

from __future__ import annotations

import unicodedata

from grader.intake.names import letters

_KNOWN = {
    "id": (
        "id", "user id", "canvas id", "canvas user id", "moodle id", "student id", "studentid",
        "student number", "matriculation number", "orgdefinedid", "identifier", "participant",
        # Moodle's "Identifier" in other languages
        "identificador", "identifiant", "identificativo", "identificatie", "identifikator",
        "identifier number", "tunniste", "identyfikator", "идентификатор", "識別子", "标识符",
        "teilnehmer", "matrikelnummer", "numéro d'étudiant", "numero de estudiante", "matricola",
        "matrikelnr", "matrikel", "matr-nr", "martrikelnummer", "student no", "student nr", "uni",
        "student id number", "university id", "campus id", "roll number", "roll no", "matric no",
        "registration number", "enrollment number", "enrolment number", "candidate number",
        "matrícula", "número de matrícula", "número de estudiante", "código", "n° étudiant",
        "numéro étudiant", "numero di matricola", "studentnummer", "studienummer",
        "studentennummer", "opiskelijanumero", "numer indeksu", "nr indeksu", "numer albumu",
        "nr albumu", "číslo studenta", "osobní číslo", "öğrenci no", "öğrenci numarası",
        "номер студента", "学号", "學號", "学籍番号", "학번",
    ),
    "name": (
        "name", "student", "full name", "fullname", "student name", "display name", "sortable name",
        "vollständiger name", "nombre completo", "nom complet", "nome completo", "volledige naam",
        "naam", "fullständigt namn", "fulde navn", "fullt navn", "koko nimi", "полное имя",
        "imię i nazwisko", "姓名", "全名", "氏名", "first name / last name", "nombre / apellido(s)",
        "vorname / nachname", "prénom / nom", "nome / cognome", "ad soyad", "adı soyadı",
        "name of student", "名前", "이름", "фио", "name, vorname", "nachname, vorname",
        "last, first", "last name, first name", "surname, first name", "student name (last, first)",
        "name (last, first)", "familienname, vorname", "nom, prénom", "apellidos, nombre",
        "cognome, nome",
    ),
    "first": (
        "first name", "firstname", "given name", "vorname", "nombre", "prénom", "nome", "voornaam",
        "förnamn", "fornavn", "etunimi", "имя", "imię", "名", "forename", "forenames",
        "first names", "given names", "preferred name", "vornamen", "nombres", "prénoms", "jméno",
        "adı", "ad", "keresztnév",
    ),
    "last": (
        "last name", "lastname", "surname", "family name", "nachname", "apellido", "apellidos",
        "apellido(s)", "nom", "nom de famille", "cognome", "achternaam", "apelido", "sobrenome",
        "efternamn", "efternavn", "etternavn", "sukunimi", "фамилия", "nazwisko", "姓", "surnames",
        "last names", "family names", "familienname", "zuname", "příjmení", "soyadı", "soyad",
        "vezetéknév",
    ),
    "sis": (
        "sis user id", "sis id", "sid", "id number", "idnumber", "id-nummer", "número de id",
        "numéro d'identification", "numero id", "codice identificativo", "número de identificação",
        "idnummer", "número id",
    ),
    "login": (
        "sis login id", "login", "login id", "username", "user name", "anmeldename", "benutzername",
        "nombre de usuario", "nom d'utilisateur", "nome utente", "nome de usuário", "username ",
        "gebruikersnaam", "användarnamn", "brugernavn", "netid", "net id", "login name", "kennung",
        "user", "benutzerkennung", "identifiant de connexion", "nazwa użytkownika",
    ),
    "email": (
        "email", "email address", "e-mail", "e-mail address", "e-mail-adresse", "mail", "correo",
        "dirección de correo", "dirección email", "correo electrónico", "adresse de courriel",
        "adresse e-mail", "courriel", "indirizzo email", "indirizzo e-mail", "e-mailadres",
        "endereço de e-mail", "endereço de email", "e-postadress", "e-mailadresse", "mailadresse",
        "e-mail institucional", "adres e-mail", "e-posta", "e-posta adresi",
        "メールアドレス", "邮箱",
    ),
    "github": ("github username", "github", "github login", "github account"),
    "section": ("section", "sections", "groups", "gruppen", "grupos", "groupes", "gruppi", "lab"),
    "group": (
        "group", "group name", "gruppe", "grupo", "groupe", "gruppo", "groep", "grupa", "группа",
    ),
    "team": ("team", "team name", "équipe", "equipo", "equipe", "squadra", "команда"),
    "role": (
        "role", "roles", "rolle", "rollen", "rol", "rôle", "rôles", "ruolo", "ruoli", "papel",
        "papéis", "função", "rola", "roli", "roller", "роль", "роли", "角色", "役割",
        "ロール", "역할",
    ),
    "submitted": (
        "last modified (submission)", "zuletzt geändert (abgabe)", "última modificación (envío)",
        "última modificación (entrega)", "dernière modification (travail remis)",
        "dernière modification (remise)", "ultima modifica (consegna)",
        "laatst gewijzigd (inzending)",
    ),
}  # fmt: skip


CANVAS = "canvas"  # the name of the system
_OF_CANVAS = ({"canvasid"}, {"canvasuserid"}, {"id", "sisloginid"}, {"id", "sisuserid"})


def system_of(headings: list[str]) -> str:
    """Return the system that has given its own ids to a roster; "" if the headings do not say."""
    found = {letters(heading) for heading in headings}
    if any(some <= found for some in _OF_CANVAS) or {"student", "id", "section"} <= found:
        return CANVAS
    return ""


def plain_heading(heading: str) -> str:
    """Return a heading in small letters, its blanks and underscores made one space."""
    text = unicodedata.normalize("NFKC", heading).strip("\ufeff#").replace("_", " ")
    return " ".join(text.casefold().split())


def columns_of(headings: list[str]) -> dict[str, int]:
    """Return the place of each column that is known; of several alike, the first.

    Accents, hyphens, dots and other signs in headings do not matter. "Name" beside a column for
    first names is the family name.
    """
    found: dict[str, int] = {}
    for place, heading in enumerate(headings):
        if column := _COLUMN_OF.get(letters(heading)):
            found.setdefault(column, place)
    if "name" in found and "first" in found and "last" not in found:
        found["last"] = found.pop("name")
    return found


def id_columns(headings: list[str]) -> list[int]:
    """Return the places of all columns of ids."""
    known = enumerate(headings)
    return [place for place, heading in known if _COLUMN_OF.get(letters(heading)) == "id"]


def not_understood(headings: list[str]) -> list[str]:
    """Return the headings of which nobody knows what they are."""
    plain = (" ".join(heading.split()) for heading in headings)
    return [heading for heading in plain if heading and letters(heading) not in _COLUMN_OF]


_COLUMN_OF = {letters(heading): column for column, known in _KNOWN.items() for heading in known}
