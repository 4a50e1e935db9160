// Paho's C and C++ clients against the broker, one round trip: messages of every QoS to a topic of its own
// subscription, and one to itself point to point.
//   peer-paho c|cpp URI 4|5 CLIENT-ID CA USER PASSWORD CERTIFICATE KEY
// What is empty of the last four is not shown to the broker; certificate and key are PEM files.
// Prints what went wrong and ends with 1.
#include <MQTTClient.h>
#include <mqtt/async_client.h>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Job {
    std::string uri;
    int version = 4;
    std::string client_id;
    std::string ca;
    std::string user;
    std::string password;
    std::string certificate;
    std::string key;

    [[nodiscard]] bool v5() const { return version == 5; }
    [[nodiscard]] std::string topic(int qos) const { return "esl_report/" + std::to_string(qos) + "/paho"; }
    [[nodiscard]] std::string to_itself() const { return "esl_task/p2p/" + client_id; }
};

constexpr int kPatienceMillis = 15'000;
const char* const kFilter = "esl_report/+/paho";
const std::string kPayload(3'000, 'x');

void need(bool good, const std::string& what) {
    if (!good) throw std::runtime_error(what);
}

const char* or_none(const std::string& text) {
    return text.empty() ? nullptr : text.c_str();
}

class CClient {
public:
    explicit CClient(const Job& job) : job_(job) {
        MQTTClient_createOptions options = MQTTClient_createOptions_initializer;
        options.MQTTVersion = job.version;
        const int made = MQTTClient_createWithOptions(&client_, job.uri.c_str(), job.client_id.c_str(),
                                                      MQTTCLIENT_PERSISTENCE_NONE, nullptr, &options);
        need(made == MQTTCLIENT_SUCCESS, "create: " + std::to_string(made));
    }
    ~CClient() { MQTTClient_destroy(&client_); }
    CClient(const CClient&) = delete;
    CClient& operator=(const CClient&) = delete;

    void connect() {
        MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
        tls.trustStore = job_.ca.c_str();
        tls.verify = 1;
        tls.keyStore = or_none(job_.certificate);
        tls.privateKey = or_none(job_.key);
        const MQTTClient_connectOptions for_v5 = MQTTClient_connectOptions_initializer5;
        const MQTTClient_connectOptions for_v4 = MQTTClient_connectOptions_initializer;
        MQTTClient_connectOptions options = job_.v5() ? for_v5 : for_v4;
        options.MQTTVersion = job_.version;
        options.username = or_none(job_.user);
        options.password = or_none(job_.password);
        options.ssl = &tls;
        if (!job_.v5()) {
            const int code = MQTTClient_connect(client_, &options);
            return need(code == MQTTCLIENT_SUCCESS, "connect: " + std::to_string(code));
        }
        const MQTTResponse answer = MQTTClient_connect5(client_, &options, nullptr, nullptr);
        const int code = answer.reasonCode;
        MQTTResponse_free(answer);
        need(code == MQTTREASONCODE_SUCCESS, "connect: reason " + std::to_string(code));
    }
    void subscribe() {
        if (!job_.v5()) return need(MQTTClient_subscribe(client_, kFilter, 2) == MQTTCLIENT_SUCCESS, "subscribe");
        const MQTTResponse answer = MQTTClient_subscribe5(client_, kFilter, 2, nullptr, nullptr);
        const int code = answer.reasonCode;
        MQTTResponse_free(answer);
        need(code == MQTTREASONCODE_GRANTED_QOS_2, "subscribe: reason " + std::to_string(code));
    }
    void publish(const std::string& topic, const std::string& payload, int qos) {
        MQTTClient_deliveryToken token = 0;
        const auto size = static_cast<int>(payload.size());
        if (job_.v5()) {
            const MQTTResponse answer =
                MQTTClient_publish5(client_, topic.c_str(), size, payload.data(), qos, 0, nullptr, &token);
            const int code = answer.reasonCode;
            MQTTResponse_free(answer);
            need(code == MQTTCLIENT_SUCCESS, "publish: reason " + std::to_string(code));
        } else {
            need(MQTTClient_publish(client_, topic.c_str(), size, payload.data(), qos, 0, &token) == MQTTCLIENT_SUCCESS,
                 "publish");
        }
        need(MQTTClient_waitForCompletion(client_, token, kPatienceMillis) == MQTTCLIENT_SUCCESS,
             "QoS " + std::to_string(qos) + " is not acknowledged");
    }
    std::pair<std::string, std::string> receive() {
        char* topic = nullptr;
        int length = 0;
        MQTTClient_message* message = nullptr;
        const int code = MQTTClient_receive(client_, &topic, &length, &message, kPatienceMillis);
        need((code == MQTTCLIENT_SUCCESS || code == MQTTCLIENT_TOPICNAME_TRUNCATED) && message != nullptr,
             "nothing received: " + std::to_string(code));
        std::pair<std::string, std::string> out{topic, std::string(static_cast<const char*>(message->payload),
                                                                   static_cast<std::size_t>(message->payloadlen))};
        MQTTClient_freeMessage(&message);
        MQTTClient_free(topic);
        return out;
    }
    void disconnect() {
        if (job_.v5()) {
            MQTTClient_disconnect5(client_, 1'000, MQTTREASONCODE_SUCCESS, nullptr);
        } else {
            MQTTClient_disconnect(client_, 1'000);
        }
    }

private:
    const Job& job_;
    MQTTClient client_ = nullptr;
};

class CppClient {
public:
    explicit CppClient(const Job& job)
        : job_(job),
          client_(job.uri, job.client_id, job.v5() ? mqtt::create_options(MQTTVERSION_5) : mqtt::create_options()) {
        client_.start_consuming();
    }
    void connect() {
        mqtt::connect_options options;
        options.set_mqtt_version(job_.version);
        if (job_.v5()) options.set_clean_start(true);
        if (!job_.user.empty()) {
            options.set_user_name(job_.user);
            options.set_password(job_.password);
        }
        mqtt::ssl_options tls;
        tls.set_trust_store(job_.ca);
        if (!job_.certificate.empty()) {
            tls.set_key_store(job_.certificate);
            tls.set_private_key(job_.key);
        }
        options.set_ssl(tls);
        need(client_.connect(options)->wait_for(std::chrono::milliseconds(kPatienceMillis)), "connect");
    }
    void subscribe() {
        need(client_.subscribe(kFilter, 2)->wait_for(std::chrono::milliseconds(kPatienceMillis)), "subscribe");
    }
    void publish(const std::string& topic, const std::string& payload, int qos) {
        const auto sent = client_.publish(topic, payload.data(), payload.size(), qos, false);
        need(sent->wait_for(std::chrono::milliseconds(kPatienceMillis)),
             "QoS " + std::to_string(qos) + " is not acknowledged");
    }
    std::pair<std::string, std::string> receive() {
        mqtt::const_message_ptr got;
        need(client_.try_consume_message_for(&got, std::chrono::milliseconds(kPatienceMillis)) && got,
             "nothing received");
        return {got->get_topic(), got->to_string()};
    }
    void disconnect() { client_.disconnect()->wait_for(std::chrono::milliseconds(kPatienceMillis)); }

private:
    const Job& job_;
    mqtt::async_client client_;
};

template <class Client>
void round_trip(const Job& job) {
    Client client(job);
    client.connect();
    client.subscribe();
    const auto expect = [&](const std::string& topic, const std::string& payload) {
        const auto got = client.receive();
        need(got.first == topic, "a message of " + got.first + " instead of " + topic);
        need(got.second == payload, "another payload in " + topic);
    };
    for (const int qos : {0, 1, 2}) {
        client.publish(job.topic(qos), kPayload + std::to_string(qos), qos);
        expect(job.topic(qos), kPayload + std::to_string(qos));
    }
    client.publish(job.to_itself(), "to myself", 1);
    expect(job.to_itself(), "to myself");
    client.disconnect();
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() != 9) {
        std::cerr << "usage: peer-paho c|cpp URI 4|5 CLIENT-ID CA USER PASSWORD CERTIFICATE KEY\n";
        return 2;
    }
    const Job job{.uri = words[1],
                  .version = words[2] == "5" ? 5 : 4,
                  .client_id = words[3],
                  .ca = words[4],
                  .user = words[5],
                  .password = words[6],
                  .certificate = words[7],
                  .key = words[8]};
    try {
        if (words[0] == "c") {
            round_trip<CClient>(job);
        } else {
            round_trip<CppClient>(job);
        }
        return 0;
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
