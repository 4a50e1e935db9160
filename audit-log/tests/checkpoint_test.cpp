#include "audit_log/checkpoint.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/testing/testing.hpp"

namespace esl::audit {
namespace {

class CheckpointTest : public ::testing::Test {
protected:
    testing::TempDir dir_;
    SigningKey key_ = SigningKey::open(dir_ / "key").value();
    Checkpoint head_{"shelfwire/test", 42, leaf_hash(Bytes{1})};
    Verifier verifier_ = parse_verifier(verifier_text("shelfwire/test", key_.public_key())).value();
};

TEST_F(CheckpointTest, OpensWhatItSigned) {
    const auto note = key_.sign(head_);
    EXPECT_TRUE(note.starts_with("shelfwire/test\n42\n")) << note;
    EXPECT_NE(note.find("\n\n\xE2\x80\x94 shelfwire/test "), std::string::npos) << note;
    EXPECT_EQ(open_note(note, verifier_).value(), head_);
}

TEST_F(CheckpointTest, EveryChangedCharacterIsNoticed) {
    const auto note = key_.sign(head_);
    for (std::size_t i = 0; i < note.size(); ++i) {
        auto changed = note;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        const auto opened = open_note(changed, verifier_);
        // The four bytes of the key hint in front of the signature only select a key.
        if (opened) EXPECT_EQ(*opened, head_) << i;
    }
    testing::for_every_truncation(as_bytes(note),
                                  [&](BytesView cut) { EXPECT_FALSE(open_note(as_text(cut), verifier_).has_value()); });
}

TEST_F(CheckpointTest, AnotherKeyOrNameIsRefused) {
    const auto other = SigningKey::open(dir_ / "other").value();
    EXPECT_TRUE(open_note(other.sign(head_), verifier_).error().is(AuditError::bad_signature));
    head_.origin = "shelfwire/else";
    EXPECT_TRUE(open_note(key_.sign(head_), verifier_).error().is(AuditError::bad_signature));
}

TEST_F(CheckpointTest, TheKeyFileIsKeptAndReadableByItsOwnerOnly) {
    struct stat info{};
    ASSERT_EQ(::stat((dir_ / "key").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_EQ(SigningKey::open(dir_ / "key").value().public_key(), key_.public_key());
}

TEST(VerifierText, RefusesDamagedKeys) {
    EXPECT_TRUE(parse_verifier("nothing").error().is(AuditError::bad_key));
    EXPECT_TRUE(parse_verifier("a+00000000+AAAA").error().is(AuditError::bad_key));
}

}  // namespace
}  // namespace esl::audit
