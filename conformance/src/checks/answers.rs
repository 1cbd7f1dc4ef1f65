//! What the JSON of each endpoint looks like (core-1.x §7), as data.

use portmaster_fixtures::{CountryForm, Permission, RecordForm, Rules};

use super::shapes::Shape;
use crate::suite::{SkipReason, Stop};

/// An endpoint that answers JSON.
pub(super) struct Answer {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) path: &'static str,
    pub(super) permission: Permission,
    /// What it answers, in the language of `shapes`.
    pub(super) shape: &'static str,
    /// Statuses that say that there is nothing to show, and the reason that they stand for.
    pub(super) nothing: &'static [(u16, SkipReason)],
}

pub(super) const NO_MAP: &[(u16, SkipReason)] = &[(500, SkipReason::NoMap), (503, SkipReason::NoMap)];
pub(super) const NO_SUCCESS: &[(u16, SkipReason)] =
    &[(500, SkipReason::NoSuccess), (503, SkipReason::NoSuccess)];

const RESOLVER: &str =
    "{Name: string, Type: string, Source: string, IP: string, Domain: string, IPScope: int, Port: int}";
const META: &str = "{Created: int, Modified: int, Expires: int, Deleted: int, Key: string}";
const SOCKET: &str = "{IP: string, Port: int}";
const COORDINATES: &str = "{AccuracyRadius: int, Latitude: number, Longitude: number}";
const ENTITY: &str = "null|{Protocol: int, Port: int, Domain: string, ReverseDomain: string, CNAME: null|[string], \
    IP: string, IPScope: int, Country: string, Coordinates: null|@coordinates, ASN: int, ASOrg: string, \
    LocationError: string, BlockedByLists: null|[string], BlockedEntities: null|[string], \
    ListOccurences: any, ListsError: string}";
const MEASUREMENTS: &str = "{Latency: int, LatencyMeasuredAt: string, Capacity: int, CapacityMeasuredAt: string, \
    CalculatedCost: number, GeoProximity: number}";

pub(super) const ANSWERS: [Answer; 18] = [
    Answer {
        id: "app/profile",
        title: "Get the ID of the calling profile",
        path: "app/profile",
        permission: Permission::User,
        shape: "{name: string, profile: string, source: string}",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "auth/permissions",
        title: "View Current Permissions",
        path: "auth/permissions",
        permission: Permission::Anyone,
        shape: "{Read: int, Write: int, ReadRole: string, WriteRole: string}",
        nothing: &[],
    },
    Answer {
        id: "broadcasts/matching-data",
        title: "Get Broadcast Notifications Matching Data",
        path: "broadcasts/matching-data",
        permission: Permission::Admin,
        shape: "{Account: any, Config: {…}, Install: {Version: string, NumericVersion: int, Time: string, \
            NumericDate: int, DaysSinceInstall: int, UnixTimestamp: int}, Location: {…}, NumericVersion: int|{Error: any}, @now\
            SPN: {Status: string, HomeHubID: string, HomeHubName: string, ConnectedIP: string, \
            ConnectedTransport: string, @exit-country ConnectedSince: null|string}, Updates: {…}, UptimeHours: int, Version: string}",
        nothing: &[],
    },
    Answer {
        id: "config/options",
        title: "Export Configuration Options",
        path: "config/options",
        permission: Permission::Anyone,
        shape: "[{Name: string, Key: string, Description: string, Help: string, Sensitive: bool, OptType: int, \
            ExpertiseLevel: int, ReleaseLevel: int, RequiresRestart: bool, DefaultValue: any, \
            ValidationRegex: string, PossibleValues?: [{Name: string, Description: string, Value: any}], \
            Annotations: null|{…}}]",
        nothing: &[],
    },
    Answer {
        id: "debug/network/state",
        title: "Get Network State Table Data",
        path: "debug/network/state",
        permission: Permission::User,
        shape: "{TCP4Connections: null|[@connection], TCP4Listeners: null|[@bind], \
            TCP6Connections: null|[@connection], TCP6Listeners: null|[@bind], UDP4Binds: null|[@bind], \
            UDP6Binds: null|[@bind]}",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "dns/resolvers",
        title: "List DNS Resolvers",
        path: "dns/resolvers",
        permission: Permission::Anyone,
        shape: "[{ConfigURL: string, Info: @resolver, ServerAddress: string, UpstreamBlockDetection: string, \
            Search: null|[string], SearchOnly: bool, Path: string, @link-local\
            Failing: bool}]",
        nothing: &[],
    },
    Answer {
        id: "endpoints",
        title: "Export API Endpoints",
        path: "endpoints",
        permission: Permission::Anyone,
        shape: "[{Path: string, MimeType: string, Read?: int, ReadMethod?: string, Write?: int, \
            WriteMethod?: string, Name: string, Description: string, \
            Parameters?: [{Method: string, Field: string, Value: string, Description: string}]}]",
        nothing: &[],
    },
    Answer {
        id: "netquery/charts/connection-active/GET",
        title: "Active Connections Chart",
        path: "netquery/charts/connection-active?q=%7B%7D",
        permission: Permission::User,
        shape: "{params: null|{…}, query: string, results: null|[{timestamp: int, value: int, countBlocked: int}]}",
        nothing: &[],
    },
    Answer {
        id: "netquery/query/GET",
        title: "Query Connections",
        path: "netquery/query?q=%7B%22pageSize%22%3A5%7D",
        permission: Permission::User,
        shape: "{results: null|[{id: string, active: bool, allowed: any, profile: string, path: string, type: string, \
            domain: any, started: string, ended: any, verdict: int, internal: bool, tunneled: bool, …}], …}",
        nothing: &[],
    },
    Answer {
        id: "netquery/query/count",
        title: "Query Connections",
        path: "netquery/query?q=%7B%22select%22%3A%5B%7B%22%24count%22%3A%7B%22field%22%3A%22*%22%2C%22as%22%3A%22n%22%7D%7D%5D%7D",
        permission: Permission::User,
        shape: "{results: [{n: int}], …}",
        nothing: &[],
    },
    Answer {
        id: "network/gateways",
        title: "Get Default Gateways",
        path: "network/gateways",
        permission: Permission::User,
        shape: "null|[string]",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "network/location",
        title: "Get Approximate Internet Location",
        path: "network/location",
        permission: Permission::User,
        shape: "{All: null|[{IP: string, IPVersion: int, Location: null|{@country, Coordinates: @coordinates, AutonomousSystemNumber: int, \
            AutonomousSystemOrganization: string, IsAnycast: bool, IsSatelliteProvider: bool, \
            IsAnonymousProxy: bool}, Source: string, SourceAccuracy: int}]}",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "network/location/traceroute",
        title: "Get Approximate Internet Location via Traceroute",
        path: "network/location/traceroute",
        permission: Permission::User,
        shape: "{All?: any, …}",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "network/nameservers",
        title: "Get System Nameservers",
        path: "network/nameservers",
        permission: Permission::User,
        shape: "null|[{IP: string, Search: null|[string]}]",
        nothing: NO_SUCCESS,
    },
    Answer {
        id: "spn/account/user/profile",
        title: "SPN User Profile",
        path: "spn/account/user/profile",
        permission: Permission::User,
        shape: "{username: string, state: string, balance: number, device: null|{name: string, id: string}, \
            subscription: null|{ends_at: null|string, state: string, …}, current_plan: null|@plan, \
            next_plan: null|@plan, LoggedInAt: null|string, _meta: @meta, …}",
        nothing: &[(401, SkipReason::NoAccount), (503, SkipReason::NoAccount)],
    },
    Answer {
        id: "spn/map/:map/measurements",
        title: "Get SPN map measurements",
        path: "spn/map/main/measurements",
        permission: Permission::User,
        shape: "[@measurements]",
        nothing: NO_MAP,
    },
    Answer {
        id: "spn/map/:map/optimization",
        title: "Get SPN map optimization",
        path: "spn/map/main/optimization",
        permission: Permission::User,
        shape: "{Purpose: string, Approach: null|[string], SuggestedConnections: null|[{Hub: {ID: string, Map: string, \
            Info: {ID: string, Timestamp: int, Name: string, …}, Status: {Timestamp: int, Version: string, …}, \
            Measurements: @measurements, FirstSeen: string, VerifiedIPs: bool, InvalidInfo: bool, \
            InvalidStatus: bool, …}, Reason: string, Duplicate: bool}], MaxConnect: int, StopOthers: bool}",
        nothing: NO_MAP,
    },
    Answer {
        id: "spn/map/:map/pins",
        title: "Get SPN map pins",
        path: "spn/map/main/pins",
        permission: Permission::User,
        shape: "[{ID: string, Name: string, Map: string, FirstSeen: string, EntityV4: @entity, EntityV6: @entity, \
            States: null|[string], VerifiedOwner: string, HopDistance: int, \
            ConnectedTo: null|{*: {HubID: string, Capacity: int, Latency: int}}, Route: null|[string], \
            SessionActive: bool, …}]",
        nothing: NO_MAP,
    },
];

/// Puts the structures that several answers share in their places.
pub(super) fn shape(text: &str, rules: &Rules) -> Result<Shape, Stop> {
    let country = match rules.country_form {
        CountryForm::Code => "Continent: {Code: string}, Country: {ISOCode: string}",
        CountryForm::Full => {
            "Country: {Code: string, Name: string, Center: @coordinates, \
            Continent: {Code: string, Region: string, Name: string}}"
        }
    };
    let late = rules.record_form == RecordForm::Late;
    let now = if late { "Current: {UnixTime: int, …}, " } else { "" };
    let exit_country = if late { "ConnectedCountry: any, " } else { "" };
    let link_local = if rules.resolver_link_local { "LinkLocalUnavailable: bool, " } else { "" };
    let text = text
        .replace("@country", country)
        .replace("@now", now)
        .replace("@exit-country", exit_country)
        .replace("@link-local", link_local)
        .replace(
            "@record",
            "{Domain: string, Question: string, RCode: int, Answer: null|[string], \
            Ns: null|[string], Extra: null|[string], Expires: int, Resolver: null|@resolver, _meta: @meta}",
        )
        .replace("@entity", ENTITY)
        .replace("@connection", "{Local: @socket, Remote: @socket, PID: int, UID: int, Inode: int}")
        .replace("@bind", "{Local: @socket, PID: int, UID: int, Inode: int, ListensAny: bool}")
        .replace("@plan", "{name: string, amount: number, months: int, renewable: bool, …}")
        .replace("@measurements", MEASUREMENTS)
        .replace("@coordinates", COORDINATES)
        .replace("@socket", SOCKET)
        .replace("@resolver", RESOLVER)
        .replace("@meta", META);
    Shape::read(&text).map_err(Stop::Error)
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;

    #[test]
    fn every_shape_can_be_read() {
        for contract in Contract::ALL {
            for answer in &ANSWERS {
                let read = shape(answer.shape, contract.rules());
                assert!(read.is_ok(), "{}: {read:?}", answer.id);
            }
        }
    }
}
