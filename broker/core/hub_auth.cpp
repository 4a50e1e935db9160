// What a session's grant allows, and the `$SYS` topics about tokens.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/core/hub.hpp"
#include "broker/ports/authenticator.hpp"
#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {

using mqtt::ReasonCode;
using Verdict = AccessList::Verdict;

namespace {

constexpr milliseconds kExpiryNotice{std::chrono::minutes(5)};

std::string_view parent_of(const Settings& settings, std::string_view topic) {
    if (!settings.p2p) return {};
    const auto p2p = parse_point_to_point(topic);
    return p2p ? p2p->parent : std::string_view{};
}

// The token that a refusal is about: one that names the topic, else one of the right direction, else any.
const HeldToken& culprit(const Grant& grant, std::string_view topic, Access wanted) {
    const auto& tokens = grant.tokens();
    const auto names = [&](const HeldToken& token) {
        return std::ranges::any_of(token.rules, [&](const AccessRule& r) { return mqtt::overlap(r.filter, topic); });
    };
    if (const auto at = std::ranges::find_if(tokens, names); at != tokens.end()) return *at;
    const auto right = [&](const HeldToken& token) {
        return std::ranges::any_of(token.rules, [&](const AccessRule& r) { return includes(r.access, wanted); });
    };
    const auto at = std::ranges::find_if(tokens, right);
    return at != tokens.end() ? *at : tokens.front();
}

}  // namespace

// Straight to this connection, past queues and subscriptions: best effort, at most once.
void Hub::notify(Session& session, std::string_view topic, const std::string& body) {
    const mqtt::PublishView packet{.topic = topic, .payload = as_bytes(body)};
    if (mqtt::encoded_publish_size(packet, session.version) > session.max_packet) return;
    if (mqtt::encode_publish(packet, session.version, session.link->output())) counters_.publishes_sent_total.add();
}

void Hub::notify_invalid(Session& session, TokenFault fault, std::string_view type) {
    notify(session, "$SYS/tokenInvalidNotice",
           "{\"code\":" + std::to_string(static_cast<int>(fault)) + ",\"type\":\"" + std::string(type) + "\"}");
}

// Apsara mode: says which token is at fault, and closes.
void Hub::close_unauthorized(Session& session, std::string_view topic, Access wanted, Verdict verdict,
                             std::string_view what) {
    const Grant& grant = *session.grant;
    if (!grant.tokens().empty()) {
        notify_invalid(
            session, verdict == Verdict::wrong_access ? TokenFault::permission_mismatch : TokenFault::resource_mismatch,
            culprit(grant, topic, wanted).type);
    }
    close(session, CloseCause::resource_auth_failed, ReasonCode::not_authorized,
          std::string(what) + ": no permission for '" + std::string(topic) + "'");
}

bool Hub::authorize_publish(Session& session, std::string_view topic, std::optional<ReasonCode>& refusal) {
    const AccessList* list = session.grant->list();
    if (list == nullptr) return true;
    const auto verdict = list->publish(topic, parent_of(ports_.settings, topic));
    if (verdict == Verdict::allowed) return true;
    counters_.publishes_refused_total.add();
    if (ports_.settings.apsara()) return close_unauthorized(session, topic, Access::publish, verdict, "PUBLISH"), false;
    spdlog::debug("{} may not publish to '{}'", session.client_id, topic);
    refusal = ReasonCode::not_authorized;
    return true;
}

bool Hub::authorize_will(const Grant& grant, std::string_view topic) const {
    const AccessList* list = grant.list();
    return list == nullptr || list->publish(topic, parent_of(ports_.settings, topic)) == Verdict::allowed;
}

bool Hub::may_hold(const Grant& grant, std::string_view filter) const {
    const AccessList* list = grant.list();
    if (list == nullptr) return true;
    // These match nothing here.
    if (ports_.settings.p2p && parse_point_to_point(filter) && !mqtt::has_wildcard(filter)) return true;
    if (ports_.settings.apsara() && filter.starts_with('$') && !mqtt::looks_shared(filter)) return true;
    const auto shared = mqtt::split_shared(filter);
    return list->subscribe(shared ? shared->filter : filter) == Verdict::allowed;
}

bool Hub::authorize_subscribe(Session& session, std::string_view filter, bool& close_it) {
    if (may_hold(*session.grant, filter)) return true;
    counters_.subscribes_refused_total.add();
    close_reason_ = "no permission for '" + std::string(filter) + "'";
    if (!ports_.settings.apsara()) {
        spdlog::debug("{} may not subscribe to '{}'", session.client_id, filter);
        return false;
    }
    close_it = true;
    if (!session.grant->tokens().empty()) {
        const auto shared = mqtt::split_shared(filter);
        const auto inner = shared ? shared->filter : filter;
        const bool named = session.grant->list()->subscribe(inner) == Verdict::wrong_access;
        notify_invalid(session, named ? TokenFault::permission_mismatch : TokenFault::resource_mismatch,
                       culprit(*session.grant, inner, Access::subscribe).type);
    }
    return false;
}

// False: closed.
bool Hub::on_upload_token(Session& session, BytesView body) {
    if (ports_.authenticator == nullptr || !session.grant) return true;
    auto answer = ports_.authenticator->upload_token(*session.grant, session.client_id, as_text(body));
    if (answer.fault) {
        notify_invalid(session, *answer.fault, answer.type);
        close(session, CloseCause::not_authorized, ReasonCode::not_authorized,
              "$SYS/uploadToken: " + std::string(describe(*answer.fault)));
        return false;
    }
    if (!answer.grant) return true;
    session.grant = std::move(answer.grant);
    return watch_tokens(session, UnixMillis{});
}

// Says what of the session's tokens was to be said between `since` and now, and sets the next hour. False: closed.
bool Hub::watch_tokens(Session& session, UnixMillis since) {
    if (!session.grant || session.grant->tokens().empty()) return true;
    const auto now = ports_.clock.wall();
    UnixMillis next = UnixMillis::max();
    for (const auto& token : session.grant->tokens()) {
        if (token.expires <= now) {
            notify_invalid(session, TokenFault::expired, token.type);
            close(session, CloseCause::not_authorized, ReasonCode::not_authorized, describe(TokenFault::expired));
            return false;
        }
        const auto notice = token.expires - kExpiryNotice;
        if (notice > now) {
            next = std::min(next, notice);
            continue;
        }
        next = std::min(next, token.expires);
        if (notice < since) continue;
        notify(session, "$SYS/tokenExpireNotice",
               "{\"expireTime\":" + std::to_string(to_millis(token.expires)) + ",\"type\":\"" + token.type + "\"}");
    }
    expiries_.set(session.number, next);
    return true;
}

void Hub::watch_expiries() {
    while (const auto due = expiries_.take_due(ports_.clock.wall())) {
        Session* session = find(due->first);
        if (session != nullptr && session->link != nullptr) watch_tokens(*session, due->second);
    }
}

// Filters that an earlier connection was allowed and this one is not.
void Hub::drop_refused_filters(Session& session) {
    std::vector<std::string> refused;
    for (const auto& held : session.filters) {
        if (!may_hold(*session.grant, held.filter)) refused.push_back(held.filter);
    }
    for (const auto& filter : refused) {
        spdlog::info("{} may no longer hold '{}'", session.client_id, filter);
        drop_filter(session, filter);
        if (session.stored) store_op(RemoveSubscription{session.number, filter});
    }
}

// A client in token mode may bring the token that allows its filters a moment later.
bool Hub::filters_follow(const Session& session) const {
    if (session.grant->tokens().empty()) return true;
    return std::ranges::any_of(session.grant->tokens(), [](const HeldToken& t) { return t.type != "W"; });
}

std::size_t Hub::close_sessions(const std::function<bool(const Session&)>& which, std::string_view why) {
    std::vector<SessionNumber> found;
    for (const auto& [id, session] : sessions_) {
        if (session->link != nullptr && which(*session)) found.push_back(session->number);
    }
    for (const auto number : found) {
        // The will of one that was closed may have closed another.
        Session* session = find(number);
        if (session != nullptr && session->link != nullptr)
            close(*session, CloseCause::not_authorized, ReasonCode::not_authorized, why);
    }
    return found.size();
}

void Hub::close_holders(const std::function<bool(const HeldToken&)>& which, TokenFault fault) {
    const auto holds = [&](const Session& session) {
        if (!session.grant) return false;
        const auto& tokens = session.grant->tokens();
        const auto at = std::ranges::find_if(tokens, which);
        if (at == tokens.end()) return false;
        notify_invalid(*find(session.number), fault, at->type);
        return true;
    };
    close_sessions(holds, describe(fault));
}

void Hub::token_revoked(std::string_view token_id) {
    close_holders([&](const HeldToken& token) { return token.id == token_id; }, TokenFault::revoked);
}

void Hub::logins_gone(const std::vector<std::string>& access_keys) {
    close_sessions([](const Session& s) { return s.grant && s.grant->ended(); },
                   "its user or access key has gone or changed");
    if (access_keys.empty()) return;
    const auto names = [&](const HeldToken& token) {
        return std::ranges::find(access_keys, token.access_key) != access_keys.end();
    };
    close_holders(names, TokenFault::account_invalid);
}

void Hub::grant_changed(const Grant& grant) {
    for (const auto& [id, session] : sessions_) {
        if (session->grant.get() == &grant) drop_refused_filters(*session);
    }
}

}  // namespace esl::broker
