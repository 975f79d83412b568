// A small synth for the tests of the plug-in engine, built on DPF.
#pragma once
#define DISTRHO_PLUGIN_BRAND "TimbreMap"
#define DISTRHO_PLUGIN_NAME "TestSynth"
#define DISTRHO_PLUGIN_URI "urn:timbremap:test-synth"
#define DISTRHO_PLUGIN_CLAP_ID "timbremap.test-synth"
#define DISTRHO_PLUGIN_BRAND_ID Tmbr
#define DISTRHO_PLUGIN_UNIQUE_ID TsSy
#define DISTRHO_PLUGIN_HAS_UI 0
#define DISTRHO_PLUGIN_IS_RT_SAFE 1
#define DISTRHO_PLUGIN_IS_SYNTH 1
#define DISTRHO_PLUGIN_NUM_INPUTS 0
#define DISTRHO_PLUGIN_NUM_OUTPUTS 2
#define DISTRHO_PLUGIN_WANT_MIDI_INPUT 1
