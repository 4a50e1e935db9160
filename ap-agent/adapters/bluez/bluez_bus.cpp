#include "ap-agent/adapters/bluez/bluez_bus.hpp"

#include <sdbus-c++/sdbus-c++.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "ap-agent/adapters/bluez/bluez_properties.hpp"

namespace esl::ap::bluez {
namespace {

using Interfaces = std::map<std::string, Variants>;
using Objects = std::map<sdbus::ObjectPath, Interfaces>;

constexpr const char* kService = "org.bluez";
constexpr std::chrono::milliseconds kOrdinaryCall{10'000};

// News that the executor has not handled yet. A bus that brings more than this is given up and opened again, which
// reads all objects anew: dropping single news could lose that a link has gone.
constexpr std::size_t kMostWaiting = 20'000;
constexpr std::size_t kMaxPath = 255;  // BlueZ's own stay below 64

// A message that ends early is no exception to sdbus-c++, only a flag.
void must_be_whole(const sdbus::Message& message) {
    if (!message) throw sdbus::Error("org.freedesktop.DBus.Error.InvalidArgs", "message ends early");
}

}  // namespace

RadioError meaning_of(const std::string& e, bool while_connecting) {
    struct Row {
        std::string_view name;
        RadioError connecting, otherwise;
    };
    static constexpr Row kRows[] = {
        {"org.bluez.Error.NotReady", RadioError::gone, RadioError::gone},
        {"org.freedesktop.DBus.Error.ServiceUnknown", RadioError::gone, RadioError::gone},
        {"org.freedesktop.DBus.Error.NameHasNoOwner", RadioError::gone, RadioError::gone},
        {"org.freedesktop.DBus.Error.Disconnected", RadioError::gone, RadioError::gone},
        {"org.freedesktop.DBus.Error.UnknownObject", RadioError::unreachable, RadioError::radio},
        {"org.freedesktop.DBus.Error.UnknownMethod", RadioError::unreachable, RadioError::radio},
        {"org.bluez.Error.DoesNotExist", RadioError::unreachable, RadioError::radio},
        {"org.freedesktop.DBus.Error.NoReply", RadioError::unreachable, RadioError::timeout},
        {"org.freedesktop.DBus.Error.Timeout", RadioError::unreachable, RadioError::timeout},
        {"org.bluez.Error.ConnectionAttemptFailed", RadioError::unreachable, RadioError::radio},
        {"org.bluez.Error.Failed", RadioError::unreachable, RadioError::radio},
        {"org.bluez.Error.InProgress", RadioError::radio, RadioError::radio},
        {"org.bluez.Error.NotConnected", RadioError::unreachable, RadioError::radio},
        {"org.bluez.Error.NotSupported", RadioError::rejected, RadioError::rejected},
        {"org.bluez.Error.NotPermitted", RadioError::rejected, RadioError::rejected},
        {"org.bluez.Error.NotAuthorized", RadioError::rejected, RadioError::rejected},
        {"org.bluez.Error.InvalidValueLength", RadioError::rejected, RadioError::rejected},
    };
    for (const auto& row : kRows) {
        if (row.name == e) return while_connecting ? row.connecting : row.otherwise;
    }
    return RadioError::radio;
}

class Bus::Impl : public std::enable_shared_from_this<Bus::Impl> {
public:
    Impl(boost::asio::any_io_executor executor, Events events, Misfits& misfits)
        : executor_(std::move(executor)), events_(std::move(events)), misfits_(misfits) {}

    void open(Done done) {
        try {
            connection_ = sdbus::createSystemBusConnection();
            watch();
        } catch (const sdbus::Error& e) {
            boost::asio::post(executor_, [done = std::move(done), why = std::string(e.what())] {
                done(fail(RadioError::gone, why));
            });
            return;
        }
        // The loop ends with an exception when the bus daemon leaves; it must not take the process with it.
        loop_ = std::thread([this] {
            try {
                connection_->enterEventLoop();
            } catch (const sdbus::Error& e) {
                post([why = std::string(e.what())](Impl& self) { self.lose("system bus: " + why); });
            }
        });
        read_objects(std::move(done));
    }

    void close() {
        closed_ = true;
        if (loop_.joinable()) {
            connection_->leaveEventLoop();
            loop_.join();
        }
        slots_.clear();
        calls_.clear();
        connection_.reset();
    }

    template <class... Args>
    void call(const std::string& path, const char* interface, const char* method, bool connecting,
              std::chrono::milliseconds limit, Done done, const Args&... args) {
        const auto ignore = [](sdbus::MethodReply&, Impl*) { return Result<>{}; };
        invoke(path, interface, method, connecting, limit, std::move(done), ignore, args...);
    }

private:
    // `on_reply` runs on the bus thread while the reply lives and judges it; `done` on the executor.
    template <class OnReply, class... Args>
    void invoke(const std::string& path, const char* interface, const char* method, bool connecting,
                std::chrono::milliseconds limit, Done done, OnReply on_reply, const Args&... args) {
        const auto id = ++last_call_;
        try {
            if (!connection_) throw sdbus::Error("org.freedesktop.DBus.Error.Disconnected", "bus is closed");
            std::shared_ptr<sdbus::IProxy> proxy = sdbus::createProxy(*connection_, kService, path);
            auto message = proxy->createMethodCall(interface, method);
            (void)(message << ... << args);
            calls_[id] = proxy;
            proxy->callMethod(
                message,
                [this, id, connecting, done, on_reply](sdbus::MethodReply& reply, const sdbus::Error* error) {
                    Result<> result;
                    if (error != nullptr) {
                        result = fail(meaning_of(error->getName(), connecting),
                                      error->getName() + " " + error->getMessage());
                    } else {
                        result = on_reply(reply, this);
                    }
                    post([id, done, result = std::move(result)](Impl& self) {
                        self.calls_.erase(id);
                        if (done) done(result);
                    });
                },
                static_cast<std::uint64_t>(std::chrono::microseconds(limit).count()));
        } catch (const sdbus::Error& e) {
            calls_.erase(id);
            post([done, result = Result<>(
                            fail(meaning_of(e.getName(), connecting), e.getName() + " " + e.getMessage()))](Impl&) {
                if (done) done(result);
            });
        }
    }

    template <class F>
    void post(F what) {
        if (closed_) return;
        boost::asio::post(executor_, [weak = weak_from_this(), what = std::move(what)] {
            const auto self = weak.lock();
            if (self && !self->closed_) what(*self);
        });
    }

    // As post(), for what the bus tells unasked.
    template <class F>
    void tell(F what) {
        if (overrun_) return;
        if (waiting_.fetch_add(1) >= kMostWaiting) {
            overrun_ = true;
            post([](Impl& self) {
                self.lose("system bus: " + std::to_string(kMostWaiting) + " news wait to be handled; begun anew");
            });
            return;
        }
        post([what = std::move(what)](Impl& self) {
            --self.waiting_;
            what(self);
        });
    }

    void lose(const std::string& why) {
        if (std::exchange(lost_, true)) return;
        if (events_.lost) events_.lost(why);
    }

    // One match for all objects: a match per tag would be thousands of rules in the bus daemon.
    void watch() {
        match("org.freedesktop.DBus.Properties.PropertiesChanged",
              "type='signal',sender='org.bluez',interface='org.freedesktop.DBus.Properties',"
              "member='PropertiesChanged',path_namespace='/org/bluez'",
              [](sdbus::Message& m, Impl& self) {
                  std::string interface;
                  Variants changed;
                  m >> interface >> changed;
                  must_be_whole(m);
                  self.tell_changed(m.getPath(), interface, changed, false);
              });
        match(
            "org.freedesktop.DBus.ObjectManager.InterfacesAdded",
            "type='signal',sender='org.bluez',interface='org.freedesktop.DBus.ObjectManager',member='InterfacesAdded'",
            [](sdbus::Message& m, Impl& self) {
                sdbus::ObjectPath path;
                Interfaces interfaces;
                m >> path >> interfaces;
                must_be_whole(m);
                for (const auto& [interface, properties] : interfaces) {
                    self.tell_changed(path, interface, properties, false);
                }
            });
        match("org.freedesktop.DBus.ObjectManager.InterfacesRemoved",
              "type='signal',sender='org.bluez',interface='org.freedesktop.DBus.ObjectManager',member='"
              "InterfacesRemoved'",
              [](sdbus::Message& m, Impl& self) {
                  sdbus::ObjectPath path;
                  std::vector<std::string> interfaces;
                  m >> path >> interfaces;
                  must_be_whole(m);
                  for (const auto& interface : interfaces) {
                      if (const auto kind = kind_of(interface)) {
                          self.tell([kind = *kind, where = std::string(path)](Impl& impl) {
                              if (impl.events_.removed) impl.events_.removed(kind, where);
                          });
                      }
                  }
              });
        match("org.freedesktop.DBus.NameOwnerChanged",
              "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',"
              "arg0='org.bluez'",
              [](sdbus::Message& m, Impl& self) {
                  std::string name, before, now;
                  m >> name >> before >> now;
                  must_be_whole(m);
                  if (!before.empty()) self.post([](Impl& impl) { impl.lose("org.bluez left the bus"); });
              });
    }

    void match(const char* signal, const char* rule, void (*handle)(sdbus::Message&, Impl&)) {
        slots_.push_back(connection_->addMatch(rule, [this, signal, handle](sdbus::Message& m) {
            try {
                handle(m, *this);
            } catch (const sdbus::Error& e) {  // another shape than documented: nothing to learn from it
                misfits_.report(m.getPath(), signal, {}, e.getMessage());
            }
        }));
    }

    void tell_changed(const std::string& path, const std::string& interface, const Variants& variants, bool snapshot) {
        const auto kind = kind_of(interface);
        if (!kind) return;
        if (path.size() > kMaxPath) {
            misfits_.report(path, interface, {}, "expected a path of at most 255 bytes");
            return;
        }
        tell([kind = *kind, path, properties = read_properties(path, interface, variants, misfits_),
              snapshot](Impl& self) {
            if (self.events_.changed) self.events_.changed(kind, path, properties, snapshot);
        });
    }

    void read_objects(Done done) {
        invoke("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", false, kOrdinaryCall, std::move(done),
               [](sdbus::MethodReply& reply, Impl* self) -> Result<> {
                   try {
                       Objects objects;
                       reply >> objects;
                       must_be_whole(reply);
                       for (const auto& [path, interfaces] : objects) {
                           for (const auto& [interface, properties] : interfaces) {
                               self->tell_changed(path, interface, properties, true);
                           }
                       }
                       return {};
                   } catch (const sdbus::Error& e) {
                       return fail(RadioError::gone, "GetManagedObjects of org.bluez: " + e.getMessage());
                   }
               });
    }

    const boost::asio::any_io_executor executor_;
    Events events_;
    std::unique_ptr<sdbus::IConnection> connection_;
    std::thread loop_;
    std::vector<sdbus::Slot> slots_;
    std::map<std::uint64_t, std::shared_ptr<sdbus::IProxy>> calls_;  // under way, each with its proxy
    std::uint64_t last_call_ = 0;
    Misfits& misfits_;
    std::atomic<std::size_t> waiting_{0};  // tell()'s that have not run
    std::atomic<bool> overrun_{false};
    std::atomic<bool> closed_{false};
    bool lost_ = false;
};

Bus::Bus(const boost::asio::any_io_executor& executor, Events events, Misfits& misfits)
    : impl_(std::make_shared<Impl>(executor, std::move(events), misfits)) {}
Bus::~Bus() {
    impl_->close();
}

void Bus::open(Done done) {
    impl_->open(std::move(done));
}

void Bus::set_powered(const std::string& adapter, Done done) {
    impl_->call(adapter, "org.freedesktop.DBus.Properties", "Set", false, kOrdinaryCall, std::move(done),
                std::string(kAdapter), std::string("Powered"), sdbus::Variant(true));
}

void Bus::start_discovery(const std::string& adapter, Done done) {
    const Variants filter{{"Transport", sdbus::Variant(std::string("le"))}, {"DuplicateData", sdbus::Variant(true)}};
    impl_->call(
        adapter, kAdapter, "SetDiscoveryFilter", false, kOrdinaryCall,
        [impl = std::weak_ptr(impl_), adapter, done = std::move(done)](const Result<>& filtered) {
            const auto self = impl.lock();
            if (!filtered) return done(filtered);
            if (self) self->call(adapter, kAdapter, "StartDiscovery", false, kOrdinaryCall, done);
        },
        filter);
}

void Bus::stop_discovery(const std::string& adapter, Done done) {
    impl_->call(adapter, kAdapter, "StopDiscovery", false, kOrdinaryCall, std::move(done));
}

void Bus::remove_device(const std::string& adapter, const std::string& device, Done done) {
    impl_->call(adapter, kAdapter, "RemoveDevice", false, kOrdinaryCall, std::move(done), sdbus::ObjectPath(device));
}

void Bus::connect(const std::string& device, std::chrono::milliseconds limit, Done done) {
    impl_->call(device, kDevice, "Connect", true, limit, std::move(done));
}

void Bus::disconnect(const std::string& device, Done done) {
    impl_->call(device, kDevice, "Disconnect", false, kOrdinaryCall, std::move(done));
}

void Bus::start_notify(const std::string& characteristic, std::chrono::milliseconds limit, Done done) {
    impl_->call(characteristic, kCharacteristic, "StartNotify", false, limit, std::move(done));
}

void Bus::write(const std::string& characteristic, BytesView bytes, bool with_response, std::chrono::milliseconds limit,
                Done done) {
    const Variants options{{"type", sdbus::Variant(std::string(with_response ? "request" : "command"))}};
    impl_->call(characteristic, kCharacteristic, "WriteValue", false, limit, std::move(done),
                Bytes(bytes.begin(), bytes.end()), options);
}

}  // namespace esl::ap::bluez
