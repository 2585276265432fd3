"""Relève des compteurs d'eau par radio et envoi des anomalies.

Chaque compteur émet toutes les quinze secondes une trame de 27 octets. On garde
la dernière trame de chaque heure.
"""

import csv
from collections import defaultdict

# Un débit qui ne descend jamais sous ce seuil pendant la nuit trahit une fuite.
SEUIL_FUITE_L_H = 3.0
NUIT = range(2, 5)
# Au-delà, le compteur est considéré comme muet et un agent passe sur place.
SILENCE_MAX_H = 36
# Index qui recule : compteur monté à l'envers, ou remplacé sans être déclaré.
TOLERANCE_RECUL_L = 2


def lire(chemin):
    """Lit les relevés : une ligne par heure, identifiant, horodatage, index en litres."""
    par_compteur = defaultdict(list)
    with open(chemin, newline="", encoding="utf-8") as f:
        for ligne in csv.DictReader(f, delimiter=";"):
            par_compteur[ligne["id"]].append((ligne["heure"], float(ligne["index"])))
    return par_compteur


def fuite(releves):
    """Dit si le débit nocturne reste au-dessus du seuil trois nuits de suite."""
    nuits = debits_de_nuit(releves, NUIT)
    suite = 0
    for debit in nuits:
        suite = suite + 1 if debit > SEUIL_FUITE_L_H else 0
        if suite == 3:
            return True
    return False


def recule(releves):
    """Dit si l'index diminue de plus que la tolérance d'une heure à l'autre."""
    return any(b < a - TOLERANCE_RECUL_L for (_, a), (_, b) in zip(releves, releves[1:]))
