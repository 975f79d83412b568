// A sawtooth through a lowpass, with the vices of real plug-ins for those who ask for them:
// "Vice" at 1/3 sounds different every time, at 2/3 hangs, at 1 crashes.
#include "DistrhoPlugin.hpp"

#include <chrono>
#include <cmath>
#include <thread>

START_NAMESPACE_DISTRHO

enum { Brightness, Waveform, Level, Vice, NumParameters };

class TestSynth : public Plugin {
    float values[NumParameters] = {0.5f, 0.0f, 0.5f, 0.0f};
    float phase = 0.0f, frequency = 0.0f, filtered = 0.0f, gain = 0.0f;

public:
    TestSynth() : Plugin(NumParameters, 0, 0) {}

protected:
    const char* getLabel() const override { return "TestSynth"; }
    const char* getMaker() const override { return "TimbreMap"; }
    const char* getLicense() const override { return "MIT"; }
    uint32_t getVersion() const override { return d_version(1, 0, 0); }
    int64_t getUniqueId() const override { return d_cconst('T', 's', 'S', 'y'); }

    void initParameter(uint32_t index, Parameter& parameter) override {
        static const char* names[NumParameters] = {"Brightness", "Waveform", "Level", "Vice"};
        parameter.name = parameter.symbol = names[index];
        parameter.hints = kParameterIsAutomatable;
        parameter.ranges.def = values[index];
        parameter.ranges.min = 0.0f;
        parameter.ranges.max = index == Waveform ? 2.0f : 1.0f;
        if (index == Waveform) parameter.hints |= kParameterIsInteger;
    }

    float getParameterValue(uint32_t index) const override { return values[index]; }
    void setParameterValue(uint32_t index, float value) override { values[index] = value; }

    void run(const float**, float** outputs, uint32_t frames, const MidiEvent* events,
             uint32_t eventCount) override {
        const int vice = int(std::lround(3 * values[Vice]));
        if (vice == 2) std::this_thread::sleep_for(std::chrono::hours(1));
        if (vice == 3) *static_cast<volatile int*>(nullptr) = 0;
        for (uint32_t i = 0, next = 0; i < frames; ++i) {
            for (; next < eventCount && events[next].frame <= i; ++next) {
                const uint8_t* midi = events[next].data;
                const bool on = (midi[0] & 0xF0) == 0x90 && midi[2] > 0;
                if (on) {
                    frequency = 440.0f * std::pow(2.0f, (midi[1] - 69) / 12.0f);
                    if (vice == 1)
                        phase = std::chrono::steady_clock::now().time_since_epoch().count() % 997 / 997.0f;
                }
                gain = on ? midi[2] / 127.0f : 0.0f;
            }
            phase += frequency / float(getSampleRate());
            phase -= std::floor(phase);
            const float shapes[] = {2 * phase - 1, phase < 0.5f ? 1.0f : -1.0f,
                                    std::sin(6.2831853f * phase)};
            const float wave = shapes[std::lround(values[Waveform])];
            filtered += (0.01f + 0.9f * values[Brightness]) * (wave - filtered);
            outputs[0][i] = outputs[1][i] = gain * values[Level] * filtered;
        }
    }

    DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(TestSynth)
};

Plugin* createPlugin() { return new TestSynth(); }

END_NAMESPACE_DISTRHO
