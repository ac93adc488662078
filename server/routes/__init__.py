"""The REST routes, one file a feature."""

from server.routes.auth import AccountController, OpenController
from server.routes.catalogue import CatalogueController
from server.routes.client_secrets import ClientSecretController
from server.routes.health import HealthController
from server.routes.road import RoadController
from server.routes.sessions import SessionController
from server.routes.stats import StatsController
from server.routes.wallet import WalletController

ROUTES = [
    OpenController,
    AccountController,
    ClientSecretController,
    SessionController,
    CatalogueController,
    RoadController,
    WalletController,
    StatsController,
    HealthController,
]
